/* SPDX-License-Identifier: MIT */
#include "held_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct held_fd {
    struct held_fd *next;
    int fd;
};

static struct held_fd *list;
static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    pthread_mutex_lock(&list_mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&list_mutex);
}

static void after_fork_in_child(void)
{
    for (const struct held_fd *held = list; held; held = held->next)
        close(held->fd);
    list = NULL; /* free() after fork() is only safe in a process with one thread */
    pthread_mutex_unlock(&list_mutex);
}

static void register_fork_handlers(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

int held_fd_open(int dir_fd, const char *path, int flags, mode_t mode)
{
    struct held_fd *held = calloc(1, sizeof *held);

    if (!held)
        return -ENOMEM;
    pthread_once(&fork_once, register_fork_handlers);
    /* Under the mutex, so that no fork() comes between the two steps. */
    pthread_mutex_lock(&list_mutex);
    int fd = openat(dir_fd, path, flags | O_CLOEXEC, mode);
    int ret = fd < 0 ? -errno : fd;
    if (fd >= 0) {
        *held = (struct held_fd){.next = list, .fd = fd};
        list = held;
    }
    pthread_mutex_unlock(&list_mutex);
    if (fd < 0)
        free(held);
    return ret;
}

void held_fd_close(int fd)
{
    struct held_fd *found = NULL;

    if (fd < 0)
        return;
    pthread_mutex_lock(&list_mutex);
    for (struct held_fd **link = &list; *link; link = &(*link)->next) {
        if ((*link)->fd == fd) {
            found = *link;
            *link = found->next;
            break;
        }
    }
    close(fd);
    pthread_mutex_unlock(&list_mutex);
    free(found);
}
