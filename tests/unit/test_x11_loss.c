/* SPDX-License-Identifier: MIT */
#include <X11/Xlib.h>
#include <criterion/criterion.h>

#include "last_message.h"
#define HAVE_X11 /* this test is built only then */
#include "viewer/presenters/x11/loss.h"

Test(x11_loss, logs_a_refusal_of_each_kind_once)
{
    XErrorEvent events[] = {{.request_code = 1, .error_code = BadWindow},
                            {.request_code = 1, .error_code = BadDrawable},
                            {.request_code = 255, .error_code = BadWindow}};

    keep_messages();
    pf_log_set_level(PF_LOG_INFO);
    x11_loss_handle_errors();
    int (*handle)(Display *, XErrorEvent *) = XSetErrorHandler(NULL);
    for (int i = 0; i < 6; i++) {
        message[0] = '\0';
        cr_assert_eq(handle(NULL, &events[i % 3]), 0);
        cr_assert_eq(message[0] != '\0', i < 3, "error %d: %s", i, message);
    }
}
