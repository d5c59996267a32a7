/* SPDX-License-Identifier: MIT */
/*
 * The other process of test_kernel_facts. It runs one command; its exit code is the result.
 *
 *     read ID           attach read-only: 0 if the first byte is 'p'
 *     write-rdonly ID   attach read-only and write: must end by SIGSEGV
 *     hold ID           attach, print "held", and sleep until killed
 *     attach-exit ID    attach and exit without a detach
 *     find FILE         shmget() by ftok(FILE, 'p'): 0 if the first byte is 'p'
 *     inherit           create an IPC_PRIVATE segment, fork: 0 if the child reads a byte that the
 *                       parent wrote after that
 *     lock FILE BYTE    take an OFD lock, print "held", and sleep until killed
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

enum { YES = 0, NO = 1, CANNOT = 2 };

static volatile char *attach(int shmid, int flags)
{
    void *base = shmat(shmid, NULL, flags);

    if (base == (void *)-1)
        exit(CANNOT);
    return base;
}

static int hold(void)
{
    if (write(STDOUT_FILENO, "held", 4) != 4)
        return CANNOT;
    for (;;)
        pause();
}

static int inherit(void)
{
    int shmid = shmget(IPC_PRIVATE, 1, 0600), status, ready[2];
    volatile char *base = attach(shmid, 0);
    char go;

    shmctl(shmid, IPC_RMID, NULL);
    if (pipe(ready) < 0)
        return CANNOT;
    pid_t child = fork();
    if (child == 0)
        _exit(read(ready[0], &go, 1) == 1 && base[0] == 'p' ? YES : NO);
    base[0] = 'p'; /* after the fork: the pages are shared, not copied */
    if (write(ready[1], "!", 1) != 1 || waitpid(child, &status, 0) != child)
        return CANNOT;
    return WIFEXITED(status) ? WEXITSTATUS(status) : CANNOT;
}

static int lock(const char *path, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int fd = open(path, O_RDWR);

    return fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0 ? NO : hold();
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int id = argc > 2 ? atoi(argv[2]) : -1;

    if (strcmp(what, "read") == 0)
        return attach(id, SHM_RDONLY)[0] == 'p' ? YES : NO;
    if (strcmp(what, "write-rdonly") == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer installs a handler of its own */
        attach(id, SHM_RDONLY)[0] = 'x';
        return NO;
    }
    if (strcmp(what, "hold") == 0) {
        attach(id, 0);
        return hold();
    }
    if (strcmp(what, "attach-exit") == 0) {
        attach(id, 0);
        return YES;
    }
    if (strcmp(what, "find") == 0 && argc > 2)
        return attach(shmget(ftok(argv[2], 'p'), 0, 0), SHM_RDONLY)[0] == 'p' ? YES : NO;
    if (strcmp(what, "inherit") == 0)
        return inherit();
    if (strcmp(what, "lock") == 0 && argc > 3)
        return lock(argv[2], atoi(argv[3]));
    return CANNOT;
}
