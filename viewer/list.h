/* SPDX-License-Identifier: MIT */
#ifndef LIST_H
#define LIST_H

/* Print the channels of this user to standard output. Returns 0 or a negative errno. */
int list_print(void);

#endif
