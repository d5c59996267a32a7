/* SPDX-License-Identifier: MIT */
/* Why there is no connection to the X server: SDL does not report it. */
#ifndef VIEWER_PRESENTERS_X11_SERVER_H
#define VIEWER_PRESENTERS_X11_SERVER_H

#include <stddef.h>

#ifdef HAVE_X11

/* The reason why no client can connect to DISPLAY, as a text that is valid until the next call.
 * NULL: a client can. May wait for the server. */
const char *x11_server_why_no_connection(void);

#else

static inline const char *x11_server_why_no_connection(void)
{
    return NULL;
}

#endif

#endif
