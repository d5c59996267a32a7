/* SPDX-License-Identifier: MIT */
/* libxcb reports a server that refuses the client like one that does not exist, so this also
 * connects without the protocol. */
#include "server.h"

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xcb/xcb.h>

static bool can_connect(const struct sockaddr *address, socklen_t bytes)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_connected = fd >= 0 && connect(fd, address, bytes) == 0;

    if (fd >= 0)
        close(fd);
    return is_connected;
}

/* `is_abstract`: the socket has a name but no file. */
static bool listens_on_socket(int number, bool is_abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + is_abstract, sizeof address.sun_path - 1,
                          "/tmp/.X11-unix/X%d", number);

    return can_connect((const struct sockaddr *)&address,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length + 1));
}

static bool listens_on_port(const char *host, int number)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char port[16];
    bool is_connected = false;

    snprintf(port, sizeof port, "%d", 6000 + number);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return false;
    for (const struct addrinfo *a = found; a && !is_connected; a = a->ai_next)
        is_connected = can_connect(a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    return is_connected;
}

const char *x11_server_why_no_connection(void)
{
    static char text[256];
    int screen; /* libxcb checks it only if it is requested */
    xcb_connection_t *xcb = xcb_connect(NULL, &screen);
    int error = xcb_connection_has_error(xcb), number = 0;
    const char *display = getenv("DISPLAY");
    char *host = NULL;

    xcb_disconnect(xcb);
    if (error == 0)
        return NULL;
    if (error == XCB_CONN_CLOSED_INVALID_SCREEN) {
        snprintf(text, sizeof text, "the X server has no screen of this number: DISPLAY=%s",
                 display);
    } else if (!xcb_parse_display(NULL, &host, &number, NULL)) {
        snprintf(text, sizeof text, "not the name of a display: DISPLAY=%s", display);
    } else if (*host ? listens_on_port(host, number)
                     : listens_on_socket(number, true) || listens_on_socket(number, false)) {
        snprintf(text, sizeof text,
                 "the X server at DISPLAY=%s refuses this client: wrong or missing cookie, see "
                 "xauth list and XAUTHORITY",
                 display);
    } else {
        snprintf(text, sizeof text, "no X server answers at DISPLAY=%s", display);
    }
    free(host);
    return text;
}
