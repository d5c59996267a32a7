/* SPDX-License-Identifier: MIT */
/*
 * pageflip's handoff compared with its limits and with ways that copy the frame:
 *
 *     sem, line             a bare semaphore and a bare cache line: the limits, without a frame
 *     sleep, spin           pageflip, with a viewer that sleeps and with a viewer that spins
 *     semop                 a bare System V semaphore
 *     pipe, socket, queue   write the frame and read it, in pieces where the kernel requires that
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ping.h"

/* ------------------------------------------------------------------ sem, line */

struct bare {
    sem_t semaphore;
    _Alignas(64) _Atomic uint64_t line;
};
static struct bare *bare;
static uint64_t line_seen;

static int open_bare(const struct ping_frame *frame)
{
    (void)frame;
    if (!bare)
        bare = mmap(NULL, sizeof *bare, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return bare == MAP_FAILED ? -1 : sem_init(&bare->semaphore, 1, 0);
}

static void send_sem(const struct ping_frame *frame)
{
    (void)frame;
    sem_post(&bare->semaphore);
}

static void receive_sem(const struct ping_frame *frame)
{
    (void)frame;
    while (sem_wait(&bare->semaphore) < 0)
        ;
}

static void send_line(const struct ping_frame *frame)
{
    (void)frame;
    atomic_fetch_add(&bare->line, 1);
}

static void receive_line(const struct ping_frame *frame)
{
    (void)frame;
    while (atomic_load(&bare->line) == line_seen)
        ;
    line_seen++;
}

static const struct way way_sem = {.name = "sem",
                                   .open = open_bare,
                                   .send = send_sem,
                                   .receive = receive_sem};
static const struct way way_line = {
    .name = "line", .spins = true, .open = open_bare, .send = send_line, .receive = receive_line};

/* ------------------------------------------------------------------ semop */

static int semaphores = -1;

static int open_semop(const struct ping_frame *frame)
{
    (void)frame;
    return semaphores = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
}

static void send_semop(const struct ping_frame *frame)
{
    (void)frame;
    semop(semaphores, &(struct sembuf){.sem_op = 1}, 1);
}

static void receive_semop(const struct ping_frame *frame)
{
    (void)frame;
    semop(semaphores, &(struct sembuf){.sem_op = -1}, 1);
}

static void close_semop(void)
{
    semctl(semaphores, 0, IPC_RMID);
}

static const struct way way_semop = {.name = "semop",
                                     .open = open_semop,
                                     .send = send_semop,
                                     .receive = receive_semop,
                                     .close = close_semop};

/* ------------------------------------------------------------------ pipe, socket */

static int pipe_fds[2], socket_fds[2];

static int open_pipe(const struct ping_frame *frame)
{
    (void)frame;
    return pipe(pipe_fds);
}

static int open_socket(const struct ping_frame *frame)
{
    (void)frame;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, socket_fds);
}

static void write_all(int fd, const struct ping_frame *frame)
{
    for (size_t done = 0; done < frame->bytes;) {
        ssize_t written = write(fd, frame->pixels + done, frame->bytes - done);
        if (written <= 0)
            return;
        done += (size_t)written;
    }
}

static void read_all(int fd, const struct ping_frame *frame)
{
    for (size_t done = 0; done < frame->bytes;) {
        ssize_t got = read(fd, frame->pixels + done, frame->bytes - done);
        if (got <= 0)
            return;
        done += (size_t)got;
    }
}

static void send_pipe(const struct ping_frame *frame)
{
    write_all(pipe_fds[1], frame);
}

static void receive_pipe(const struct ping_frame *frame)
{
    read_all(pipe_fds[0], frame);
}

static void send_socket(const struct ping_frame *frame)
{
    write_all(socket_fds[1], frame);
}

static void receive_socket(const struct ping_frame *frame)
{
    read_all(socket_fds[0], frame);
}

static const struct way way_pipe = {.name = "pipe",
                                    .open = open_pipe,
                                    .send = send_pipe,
                                    .receive = receive_pipe};
static const struct way way_socket = {.name = "socket",
                                      .open = open_socket,
                                      .send = send_socket,
                                      .receive = receive_socket};

/* ------------------------------------------------------------------ queue: System V messages */

enum { MESSAGE_BYTES = 8192 }; /* the default of kernel.msgmax */

struct message {
    long type;
    uint8_t bytes[MESSAGE_BYTES];
};
static int queue = -1;

static int open_queue(const struct ping_frame *frame)
{
    (void)frame;
    return queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
}

static size_t piece(const struct ping_frame *frame, size_t done)
{
    return frame->bytes - done < MESSAGE_BYTES ? frame->bytes - done : MESSAGE_BYTES;
}

static void send_queue(const struct ping_frame *frame)
{
    struct message message = {.type = 1};

    for (size_t done = 0; done < frame->bytes; done += piece(frame, done)) {
        memcpy(message.bytes, frame->pixels + done, piece(frame, done));
        msgsnd(queue, &message, piece(frame, done), 0);
    }
}

static void receive_queue(const struct ping_frame *frame)
{
    struct message message;

    for (size_t done = 0; done < frame->bytes; done += piece(frame, done)) {
        msgrcv(queue, &message, sizeof message.bytes, 0, 0);
        memcpy(frame->pixels + done, message.bytes, piece(frame, done));
    }
}

static void close_queue(void)
{
    msgctl(queue, IPC_RMID, NULL);
}

static const struct way way_queue = {.name = "queue",
                                     .open = open_queue,
                                     .send = send_queue,
                                     .receive = receive_queue,
                                     .close = close_queue};

int main(int argc, char **argv)
{
    static const struct way *const ways[] = {&way_sem,    &way_line,  &way_sleep,
                                             &way_spin,   &way_semop, &way_pipe,
                                             &way_socket, &way_queue, NULL};

    return ping_main(argc, argv, ways);
}
