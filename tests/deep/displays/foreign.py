# SPDX-License-Identifier: MIT
"""Another program in an IPC namespace. It creates segments of the given size, fills them with FOREIGN, prints a line and waits
for a signal.

    foreign.py BYTES COUNT"""
import ctypes
import os
import signal
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "lib")]
from screen import FOREIGN  # noqa: E402 (it is in this folder)

IPC_CREAT, IPC_RMID = 0o1000, 0
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]

size, count = int(sys.argv[1]), int(sys.argv[2])
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
made = []
for _ in range(count):
    number = libc.shmget(0, size, IPC_CREAT | 0o666)
    address = libc.shmat(number, None, 0) if number >= 0 else None
    if address in (None, ctypes.c_void_p(-1).value):
        sys.exit(f"segment of {size} bytes: {os.strerror(ctypes.get_errno())}")
    ctypes.memset(address, FOREIGN, size)
    made.append(number)
print(*made, flush=True)
signal.sigwait({signal.SIGTERM})
for number in made:
    libc.shmctl(number, IPC_RMID, None)
