/* SPDX-License-Identifier: MIT */
#ifndef VIEWER_LIST_H
#define VIEWER_LIST_H

/* Print a table of this user's channels on standard output. Returns 0 or a negative errno. */
int list_print(void);

#endif
