/* SPDX-License-Identifier: MIT */
/*
 * The display no longer works: its connection is closed, or it does not answer. Several places may
 * detect the same loss, one after the other or in two threads; only the first of them logs it. The
 * process shows no frame after that.
 */
#ifndef VIEWER_PRESENTERS_DISPLAY_LOSS_H
#define VIEWER_PRESENTERS_DISPLAY_LOSS_H

#include <stdint.h>

/* Both return -ENODEV, for the caller to return. */
int display_loss_closed(void);
int display_loss_no_answer(int64_t waited_ns);

#endif
