/* SPDX-License-Identifier: MIT */
#include "standard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "messages.h"

void standard_files_reserve(void)
{
    /* Opened in the wrong direction, so that using it fails, as with a closed descriptor. */
    const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            return; /* /dev/null cannot be opened: there is no other file to use instead */
}

int standard_files_flush_output(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return messages_cannot_write("standard output", errno);
}
