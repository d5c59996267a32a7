/* SPDX-License-Identifier: MIT */
/*
 * A library to preload (ld.so(8), LD_PRELOAD) in which the k-th call of one function fails as its
 * manual page describes.
 *
 *     PAGEFLIP_FAIL=shmat:2       the second shmat() of the program fails
 *     PAGEFLIP_FAIL=count         no call fails
 *     PAGEFLIP_FAIL_REPORT=FILE   written at the exit: a line "NAME CALLS" for each called
 *                                 function, and "failed" if the selected call was reached
 *
 * Only calls by the program itself are counted, recognized by their return address: calls inside
 * SDL or the C library are not under test.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_MAX = 128, NAME_BYTES = 48 };

struct counter {
    const char *name;
    atomic_long calls;
};

static struct counter counters[NAMES_MAX];
static atomic_int counter_count;
static char failing[NAME_BYTES]; /* name of the function; "": none */
static long failing_call;
static const char *report_path;
static atomic_bool has_failed;
static uintptr_t program_start, program_end;

/* From glibc, since these must work before dlsym() does. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        program_start = start;
        program_end = start + part->p_memsz;
    }
    return 1; /* the first in the list is the program; skip the rest */
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *what = getenv("PAGEFLIP_FAIL");

    report_path = getenv("PAGEFLIP_FAIL_REPORT");
    if (!what || !report_path)
        return;
    if (sscanf(what, "%47[^:]:%ld", failing, &failing_call) != 2)
        failing[0] = '\0';
    dl_iterate_phdr(find_program, NULL);
}

/* Without stdio, which may fail here. Also called from _exit(). */
static void report(void)
{
    int fd = report_path ? open(report_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

    if (fd < 0)
        return;
    for (int i = 0; i < counter_count; i++)
        dprintf(fd, "%s %ld\n", counters[i].name, (long)counters[i].calls);
    if (has_failed)
        dprintf(fd, "failed\n");
    close(fd);
}

__attribute__((destructor)) static void at_end(void)
{
    report();
}

static struct counter *counter_of(const char *name)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    int i = 0;

    pthread_mutex_lock(&mutex);
    while (i < counter_count && counters[i].name != name)
        i++;
    if (i == counter_count && i < NAMES_MAX) {
        counters[i].name = name;
        counter_count++;
    }
    pthread_mutex_unlock(&mutex);
    return &counters[i];
}

/* Must this call fail? */
static bool is_due(struct counter *counter, const void *caller)
{
    uintptr_t from = (uintptr_t)caller;

    if (from < program_start || from >= program_end)
        return false;
    long call = ++counter->calls;
    if (call != failing_call || strcmp(counter->name, failing) != 0)
        return false;
    has_failed = true;
    return true;
}

#define DUE(name)                                                                                  \
    __extension__({                                                                                \
        static struct counter *counter;                                                            \
        if (!counter)                                                                              \
            counter = counter_of(name);                                                            \
        is_due(counter, __builtin_return_address(0));                                              \
    })

/* A function that calls the real one, or sets errno and returns `bad`. Its C name differs from its
 * linker name, so that its attributes may differ from those in a header. */
#define FAILS(type, name, parameters, arguments, bad, error)                                       \
    type failing_##name parameters __asm__(#name);                                                 \
    type failing_##name parameters                                                                 \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        if (DUE(#name)) {                                                                          \
            errno = error;                                                                         \
            return bad;                                                                            \
        }                                                                                          \
        return real arguments;                                                                     \
    }

/* ------------------------------------------------------------------ shared memory */

FAILS(int, shmget, (int key, size_t size, int flags), (key, size, flags), -1, ENOSPC)
FAILS(void *, shmat, (int id, const void *at, int flags), (id, at, flags), (void *)-1, ENOMEM)
FAILS(int, shmctl, (int id, int what, void *info), (id, what, info), -1, EPERM)
FAILS(int, shmdt, (const void *at), (at), -1, EINVAL)
FAILS(int, ftok, (const char *path, int number), (path, number), -1, EACCES)
FAILS(int, madvise, (void *at, size_t bytes, int advice), (at, bytes, advice), -1, ENOMEM)
FAILS(int, mprotect, (void *at, size_t bytes, int rights), (at, bytes, rights), -1, ENOMEM)

/* ------------------------------------------------------------------ memory */

void *malloc(size_t bytes)
{
    if (DUE("malloc")) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    if (DUE("calloc")) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_calloc(count, bytes);
}

FAILS(void *, reallocarray, (void *old, size_t count, size_t bytes), (old, count, bytes), NULL,
      ENOMEM)
FAILS(char *, strdup, (const char *text), (text), NULL, ENOMEM)
FAILS(char *, strndup, (const char *text, size_t bytes), (text, bytes), NULL, ENOMEM)

int asprintf(char **text, const char *format, ...)
{
    va_list arguments;

    if (DUE("asprintf")) {
        errno = ENOMEM;
        return -1;
    }
    va_start(arguments, format);
    int length = vasprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

/* ------------------------------------------------------------------ files */

/* The flags determine whether there is a third argument; passing it in any case is harmless. */
FAILS(int, open64, (const char *path, int flags, mode_t mode), (path, flags, mode), -1, EMFILE)
FAILS(int, openat64, (int at, const char *path, int flags, mode_t mode), (at, path, flags, mode),
      -1, EMFILE)
FAILS(int, fcntl64, (int fd, int what, void *more), (fd, what, more), -1, ENOLCK)
FAILS(ssize_t, read, (int fd, void *to, size_t bytes), (fd, to, bytes), -1, EIO)
FAILS(ssize_t, write, (int fd, const void *from, size_t bytes), (fd, from, bytes), -1, ENOSPC)
FAILS(int, dup, (int fd), (fd), -1, EMFILE)
FAILS(int, fsync, (int fd), (fd), -1, EIO)
FAILS(int, fstat64, (int fd, void *info), (fd, info), -1, EIO)
FAILS(int, stat64, (const char *path, void *info), (path, info), -1, EACCES)
FAILS(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, EROFS)
FAILS(int, mkostemp64, (char *path, int flags), (path, flags), -1, EROFS)
FAILS(int, rename, (const char *from, const char *to), (from, to), -1, EIO)
FAILS(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), -1, ENOSPC)
FAILS(int, unlinkat, (int at, const char *path, int flags), (at, path, flags), -1, EBUSY)
FAILS(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
FAILS(FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL, ENOMEM)
FAILS(int, fflush, (FILE * file), (file), EOF, ENOSPC)
FAILS(char *, fgets, (char *line, int bytes, FILE *file), (line, bytes, file), NULL, EIO)
FAILS(size_t, fread, (void *to, size_t bytes, size_t count, FILE *file), (to, bytes, count, file),
      0, EIO)
FAILS(ssize_t, __getdelim, (char **line, size_t *room, int end, FILE *file),
      (line, room, end, file), -1, EIO)
FAILS(int, scandir64, (const char *path, void *list, void *filter, void *compare),
      (path, list, filter, compare), -1, ENOMEM)
FAILS(off_t, lseek64, (int fd, off_t to, int from), (fd, to, from), -1, ESPIPE)
FAILS(ssize_t, getrandom, (void *to, size_t bytes, unsigned flags), (to, bytes, flags), -1, ENOSYS)

/* It closes the file in any case, or the leak check would report it. */
int fclose(FILE *file)
{
    static int (*real)(FILE *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fclose");
    int ret = real(file);
    if (DUE("fclose")) {
        errno = EIO;
        return EOF;
    }
    return ret;
}

/* ------------------------------------------------------------------ waiting, threads, signals */

/* The program calls only futex() through it. */
FAILS(long, syscall, (long number, long a, long b, long c, long d, long e, long f),
      (number, a, b, c, d, e, f), -1, EINTR)
FAILS(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left), -1, EINTR)
FAILS(int, poll, (void *fds, unsigned long count, int timeout), (fds, count, timeout), -1, EINTR)
FAILS(int, epoll_create1, (int flags), (flags), -1, EMFILE)
FAILS(int, epoll_ctl, (int epoll, int what, int fd, void *event), (epoll, what, fd, event), -1,
      ENOSPC)
FAILS(int, epoll_wait, (int epoll, void *events, int count, int timeout),
      (epoll, events, count, timeout), -1, EINTR)
FAILS(int, eventfd, (unsigned start, int flags), (start, flags), -1, EMFILE)
FAILS(int, getsockopt, (int fd, int level, int name, void *value, void *length),
      (fd, level, name, value, length), -1, ENOTSOCK)
FAILS(int, timer_create, (clockid_t clock, void *event, void *timer), (clock, event, timer), -1,
      EAGAIN)
FAILS(int, sigaction, (int number, const void *action, void *old), (number, action, old), -1,
      EINVAL)
FAILS(int, pthread_create, (void *thread, const void *how, void *(*start)(void *), void *argument),
      (thread, how, start, argument), EAGAIN, 0)
FAILS(int, pthread_cond_clockwait,
      (void *condition, void *mutex, clockid_t clock, const void *until),
      (condition, mutex, clock, until), ETIMEDOUT, 0)

/* ------------------------------------------------------------------ libpng */

FAILS(void *, png_create_read_struct, (const char *version, void *user, void *error, void *warning),
      (version, user, error, warning), NULL, ENOMEM)
FAILS(void *, png_create_write_struct,
      (const char *version, void *user, void *error, void *warning),
      (version, user, error, warning), NULL, ENOMEM)
FAILS(void *, png_create_info_struct, (void *png), (png), NULL, ENOMEM)

/* ------------------------------------------------------------------ SDL */

FAILS(int, SDL_InitSubSystem, (uint32_t flags), (flags), -1, 0)
FAILS(void *, SDL_CreateWindow, (const char *title, int x, int y, int w, int h, uint32_t flags),
      (title, x, y, w, h, flags), NULL, 0)
FAILS(int, SDL_GetWindowWMInfo, (void *window, void *info), (window, info), 0, 0)
FAILS(void *, SDL_GetWindowSurface, (void *window), (window), NULL, 0)
FAILS(int, SDL_UpdateWindowSurface, (void *window), (window), -1, 0)
FAILS(void *, SDL_CreateRenderer, (void *window, int index, uint32_t flags), (window, index, flags),
      NULL, 0)
FAILS(void *, SDL_CreateTexture, (void *renderer, uint32_t format, int access, int w, int h),
      (renderer, format, access, w, h), NULL, 0)
FAILS(void *, SDL_CreateTextureFromSurface, (void *renderer, void *surface), (renderer, surface),
      NULL, 0)
FAILS(void *, SDL_CreateRGBSurfaceWithFormatFrom,
      (void *pixels, int w, int h, int depth, int stride, uint32_t format),
      (pixels, w, h, depth, stride, format), NULL, 0)
FAILS(void *, SDL_DuplicateSurface, (void *surface), (surface), NULL, 0)
FAILS(int, SDL_UpdateTexture, (void *texture, const void *rect, const void *pixels, int stride),
      (texture, rect, pixels, stride), -1, 0)
FAILS(int, SDL_UpperBlit, (void *from, const void *a, void *to, void *b), (from, a, to, b), -1, 0)
FAILS(int, SDL_UpperBlitScaled, (void *from, const void *a, void *to, void *b), (from, a, to, b),
      -1, 0)
FAILS(int, SDL_RenderCopy, (void *renderer, void *texture, const void *a, const void *b),
      (renderer, texture, a, b), -1, 0)
FAILS(int, SDL_GetDisplayUsableBounds, (int display, void *rect), (display, rect), -1, 0)
FAILS(int, SDL_SetWindowFullscreen, (void *window, uint32_t flags), (window, flags), -1, 0)

/* ------------------------------------------------------------------ XCB */

/* It never returns NULL: a failed connection is an object with an error. */
void *xcb_connect(const char *name, int *screen);
void *xcb_connect(const char *name, int *screen)
{
    static void *(*real)(const char *, int *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "xcb_connect");
    return real(DUE("xcb_connect") ? ":987" : name, screen);
}

/* The error of xcb_shm_attach_checked() and others: an xcb_generic_error_t, BadAccess. */
void *xcb_request_check(void *connection, unsigned cookie);
void *xcb_request_check(void *connection, unsigned cookie)
{
    static void *(*real)(void *, unsigned);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "xcb_request_check");
    void *error = real(connection, cookie);
    if (!error && DUE("xcb_request_check")) {
        uint8_t *made = __libc_calloc(1, 64);
        made[1] = 10;
        return made;
    }
    return error;
}

FAILS(const void *, xcb_get_extension_data, (void *connection, void *extension),
      (connection, extension), NULL, 0)
FAILS(void *, xcb_register_for_special_xge,
      (void *connection, void *extension, uint32_t id, uint32_t *stamp),
      (connection, extension, id, stamp), NULL, 0)

#define FAILS_REPLY(name)                                                                          \
    FAILS(void *, name, (void *connection, unsigned cookie, void **error),                         \
          (connection, cookie, error), NULL, 0)
FAILS_REPLY(xcb_get_geometry_reply)
FAILS_REPLY(xcb_get_window_attributes_reply)
FAILS_REPLY(xcb_shm_query_version_reply)
FAILS_REPLY(xcb_present_query_version_reply)
FAILS_REPLY(xcb_render_query_version_reply)
FAILS_REPLY(xcb_render_query_pict_formats_reply)

/* ------------------------------------------------------------------ _exit() */

void _exit(int code)
{
    static void (*real)(int);

    report();
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "_exit");
    real(code);
    __builtin_unreachable();
}
