# SPDX-License-Identifier: MIT
"""A proxy between X clients and an X server. A Proxy forwards the connections of a program to a display and records each
request, reply and event with the time when it passed. A test derives a class and overrides on_request() and on_message() to
delay, hold or rewrite what passes. Client is a connection of the test's own, for requests that no tool sends. Both are closed
at the end of the test.

The bytes are those of the X11 protocol and of the extensions' specifications, little-endian. File descriptors do not pass."""
import random
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field

from harness import Skip

REPLY, ERROR, GENERIC = 1, 0, 35  # first byte of what a server sends; all others are events of 32 bytes

# Requests by major opcode, or by minor opcode of an extension.
CORE = {1: "CreateWindow", 4: "DestroyWindow", 8: "MapWindow", 10: "UnmapWindow", 12: "ConfigureWindow", 15: "QueryTree",
        18: "ChangeProperty", 20: "GetProperty", 40: "TranslateCoordinates", 43: "GetInputFocus", 53: "CreatePixmap",
        54: "FreePixmap", 55: "CreateGC", 60: "FreeGC", 61: "ClearArea", 62: "CopyArea",
        70: "PolyFillRectangle", 72: "PutImage", 73: "GetImage", 98: "QueryExtension"}
EXTENSIONS = {
    "MIT-SHM": {1: "ShmAttach", 2: "ShmDetach", 3: "ShmPutImage", 5: "ShmCreatePixmap"},
    "Present": {1: "PresentPixmap", 3: "PresentSelectInput"},
    "RENDER": {4: "CreatePicture", 7: "FreePicture", 8: "RenderComposite", 28: "SetPictureTransform"},
}
EVENTS = {("Present", 1): "CompleteNotify", ("Present", 2): "IdleNotify"}  # by extension and type of generic event


@dataclass
class Request:
    sequence: int
    name: str
    data: bytes  # the first bytes, without the second length of BIG-REQUESTS
    at_ns: int  # CLOCK_MONOTONIC, when the proxy had all of it, and before the server got it
    passed_ns: int = 0

    def read(self, kind, offset):
        return struct.unpack_from("<" + kind, self.data, offset)[0]


@dataclass
class Message:
    """What the server sent: a reply, an error or an event."""
    kind: int
    name: str  # of the event; of the request that it answers
    sequence: int
    data: bytes
    at_ns: int
    passed_ns: int = 0

    def read(self, kind, offset):
        return struct.unpack_from("<" + kind, self.data, offset)[0]


def receive(socket_, count):
    data = bytearray()
    while len(data) < count:
        part = socket_.recv(min(count - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def receive_setup(server):
    head = receive(server, 8)
    return head + receive(server, 4 * struct.unpack_from("<H", head, 6)[0])


def receive_message(server):
    data = receive(server, 32)
    if data[0] == REPLY or data[0] & 0x7F == GENERIC:
        data += receive(server, 4 * struct.unpack_from("<I", data, 4)[0])
    return data


def padded(count):
    return count + 3 & ~3


def need_little_endian():
    if sys.byteorder != "little":
        raise Skip("the proxy reads little-endian requests only")


def connect(name):
    """To the display of this name, ":1". As libxcb does, this tries the socket without a file first."""
    path = f"/tmp/.X11-unix/X{name[1:]}"
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect("\0" + path)
    except OSError:
        server.connect(path)
    return server


def stop(socket_):
    """Wake the threads that wait for it, and close it. close() alone leaves them waiting."""
    try:
        socket_.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    socket_.close()


@dataclass
class Connection:
    """Of one client. Its lists grow while it runs."""
    client: socket.socket
    server: socket.socket
    requests: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    names: dict = field(default_factory=dict)  # major opcode -> name of the extension
    first_events: dict = field(default_factory=dict)  # number of an event -> its name
    to_client: threading.Lock = field(default_factory=threading.Lock)
    sequence: int = 0  # of the last message that the client got

    def of(self, name):
        return [request for request in list(self.requests) if request.name == name]

    def count(self, name):
        return sum(request.name == name for request in list(self.requests))

    def seen(self, name):
        """The messages of this name that have passed."""
        return [message for message in list(self.messages) if message.name == name and message.passed_ns]

    def errors(self):
        return [message for message in list(self.messages) if message.kind == ERROR]

    def send_client(self, *messages):
        """Deliver these now, in this order and in one piece. A late message gets the sequence number of the last message that the
        client got, since these numbers must not decrease."""
        with self.to_client:
            data = b""
            for message in messages:
                late = (message.sequence - self.sequence) & 0xFFFF > 0x7FFF
                self.sequence = self.sequence if late else message.sequence & 0xFFFF
                data += message.data[:2] + struct.pack("<H", self.sequence) + message.data[4:]
                message.passed_ns = time.monotonic_ns()
            try:
                self.client.sendall(data)
            except OSError:
                pass

    # What exists, by the requests that create and free it: {kind: set of ids}.
    LIFE = {"CreatePixmap": ("pixmap", 4), "ShmCreatePixmap": ("pixmap", 4), "FreePixmap": ("pixmap", None),
            "CreateGC": ("gc", 4), "FreeGC": ("gc", None), "CreatePicture": ("picture", 4), "FreePicture": ("picture", None),
            "CreateWindow": ("window", 4), "DestroyWindow": ("window", None),
            "ShmAttach": ("segment", 4), "ShmDetach": ("segment", None)}

    def resources(self):
        ids = {kind: set() for kind, _ in self.LIFE.values()}
        for request in list(self.requests):
            if request.name in self.LIFE:
                kind, created = self.LIFE[request.name]
                (ids[kind].add if created else ids[kind].discard)(request.read("I", 4))
        return {kind: len(found) for kind, found in ids.items()}


class Proxy:
    """Between a Display and the clients that connect to `proxy.name`."""

    def __init__(self, display):
        need_little_endian()
        self.display = display.name
        self.is_closed = False
        self.connections = []
        while True:
            try:
                self.listener = self.listen(random.randrange(200, 30000))
                break
            except OSError:  # another server has this number
                continue
        display.scratch.to_close.append(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    # ---------------------------------------------------------------- for a test to override

    def listen(self, number):
        """Returns a socket that clients of the display `self.name` connect to."""
        self.name = f":{number}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"\0/tmp/.X11-unix/X{number}")  # a name without a file: libxcb tries it first
        listener.listen()
        return listener

    def on_request(self, connection, request, data):
        """Returns the bytes for the server. It may wait, which holds this request and all later ones."""
        return data

    def on_message(self, connection, message):
        """Returns whether the message passes now. It may change message.data, or wait, which holds all later ones, or keep
        the message for connection.send_client()."""
        return True

    # ----------------------------------------------------------------

    def own(self):
        """The viewer's own connection, which selects Present's events; SDL has others. None: not yet."""
        return next((c for c in list(self.connections)[::-1] if c.count("PresentSelectInput")), None)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                connection = Connection(client, connect(self.display))
            except OSError:
                client.close()
                continue
            self.connections.append(connection)
            if self.is_closed:
                self.close()
            for loop in (self.requests_of, self.messages_of):
                threading.Thread(target=self.until_closed, args=(loop, connection), daemon=True).start()

    def until_closed(self, loop, connection):
        try:
            loop(connection)
        except (OSError, EOFError):
            pass
        for end in (connection.client, connection.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def requests_of(self, connection):
        client, server = connection.client, connection.server
        head = receive(client, 12)
        lengths = struct.unpack_from("<HH", head, 6)
        server.sendall(head + receive(client, sum(map(padded, lengths))))
        sequence = 0
        while True:
            data = receive(client, 4)
            words = struct.unpack_from("<H", data, 2)[0]
            if words == 0:  # BIG-REQUESTS
                data += receive(client, 4)
                words = struct.unpack_from("<I", data, 4)[0]
            data += receive(client, 4 * words - len(data))
            sequence += 1
            extension = connection.names.get(data[0])
            name = EXTENSIONS.get(extension, {}).get(data[1]) if extension else CORE.get(data[0])
            head = data[:80] if struct.unpack_from("<H", data, 2)[0] else data[:4] + data[8:80]
            request = Request(sequence, name or f"{extension or data[0]}.{data[1]}", head, time.monotonic_ns())
            connection.requests.append(request)
            data = self.on_request(connection, request, data)
            request.passed_ns = time.monotonic_ns()
            server.sendall(data)

    def messages_of(self, connection):
        connection.client.sendall(receive_setup(connection.server))
        while True:
            data = receive_message(connection.server)
            message = self.parse(connection, data, time.monotonic_ns())
            connection.messages.append(message)
            if self.on_message(connection, message):
                connection.send_client(message)

    def parse(self, connection, data, at_ns):
        kind, sequence = data[0] & 0x7F, struct.unpack_from("<H", data, 2)[0]
        name = connection.first_events.get(kind, f"event {kind}")
        if kind == GENERIC:
            name = EVENTS.get((connection.names.get(data[1]), struct.unpack_from("<H", data, 8)[0]), "generic")
        elif kind in (REPLY, ERROR):
            request = next(r for r in reversed(connection.requests) if r.sequence & 0xFFFF == sequence)
            name = request.name
            if kind == REPLY and name == "QueryExtension" and data[8]:
                extension = request.data[8 : 8 + request.read("H", 4)].decode()
                connection.names[data[9]] = extension
                if extension == "MIT-SHM":
                    connection.first_events[data[10]] = "ShmCompletion"
        return Message(kind, name, sequence, data, at_ns)

    def close(self):
        self.is_closed = True
        stop(self.listener)
        for connection in list(self.connections):
            stop(connection.client)
            stop(connection.server)


class Client:
    """A connection to a display that sends requests without waiting for what they do."""

    def __init__(self, display):
        need_little_endian()
        self.server = connect(display.name)
        display.scratch.to_close.append(self.server.close)
        self.server.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        receive_setup(self.server)

    def send(self, opcode, byte, body):
        self.server.sendall(struct.pack("<BBH", opcode, byte, 1 + len(body) // 4) + body)

    def reply(self):
        while True:
            data = receive_message(self.server)
            if data[0] in (REPLY, ERROR):
                return data

    def resize(self, window, width, height):
        self.send(12, 0, struct.pack("<IHxxII", window, 4 | 8, width, height))

    def sync(self):
        self.send(43, 0, b"")
        self.reply()

    def resources(self, window):
        """{type: number} of what the server keeps for the client that created the window, by the X-Resource extension."""
        self.send(98, 0, struct.pack("<Hxx", 10) + b"X-Resource\0\0")
        opcode = self.reply()[9]
        self.send(opcode, 2, struct.pack("<I", window))
        data = self.reply()
        pairs = [struct.unpack_from("<II", data, 32 + 8 * i) for i in range(struct.unpack_from("<I", data, 8)[0])]
        found = {}
        for atom, count in pairs:
            self.send(17, 0, struct.pack("<I", atom))
            name = self.reply()
            found[name[32 : 32 + struct.unpack_from("<H", name, 8)[0]].decode()] = count
        return found
