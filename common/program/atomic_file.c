/* SPDX-License-Identifier: MIT */
/* The order is write, flush, sync, close, rename, and each may be the one that finds the disk full.
 */
#include "atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

static int fail(const struct output *output, int error)
{
    log_error("%s: cannot write it: %s; choose another place for it", output->path,
              strerror(error));
    return error ? -error : -EIO;
}

static int open_in_place(struct output *output)
{
    bool is_stdout = strcmp(output->path, "-") == 0;
    int fd = is_stdout ? dup(STDOUT_FILENO) : -1;

    output->file = is_stdout ? (fd < 0 ? NULL : fdopen(fd, "w")) : fopen(output->path, "we");
    return output->file ? 0 : fail(output, errno);
}

int output_open(struct output *output, const char *path)
{
    struct stat info;

    *output = (struct output){.path = path};
    if (strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode)))
        return open_in_place(output);
    if (asprintf(&output->temporary, "%s.XXXXXX", path) < 0) {
        output->temporary = NULL;
        return fail(output, ENOMEM);
    }
    int fd = mkostemp(output->temporary, O_CLOEXEC);
    if (fd < 0) {
        int ret = fail(output, errno);
        free(output->temporary);
        output->temporary = NULL;
        return ret;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask); /* as open() would have made it */
    output->file = fdopen(fd, "w");
    if (!output->file) {
        int ret = fail(output, errno);
        close(fd);
        unlink(output->temporary);
        free(output->temporary);
        output->temporary = NULL;
        return ret;
    }
    return 0;
}

int output_check(const char *path)
{
    struct output output;
    struct stat info;

    /* Opening a pipe would be seen by who reads it. */
    if (strcmp(path, "-") == 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode)))
        return 0;
    int ret = output_open(&output, path);
    if (ret == 0)
        output_abandon(&output);
    return ret;
}

int output_finish(struct output *output)
{
    int error = 0;

    if (fflush(output->file) != 0 || ferror(output->file))
        error = errno ? errno : EIO;
    if (!error && output->temporary && fsync(fileno(output->file)) < 0)
        error = errno;
    if (fclose(output->file) != 0 && !error)
        error = errno;
    output->file = NULL;
    if (!error && output->temporary && rename(output->temporary, output->path) < 0)
        error = errno;
    if (error && output->temporary)
        unlink(output->temporary);
    free(output->temporary);
    return error ? fail(output, error) : 0;
}

void output_guard_standard_files(void)
{
    /* The wrong way round: to use it fails, as it would with a closed one. */
    const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            return; /* no /dev/null: then there is nothing to be done */
}

int output_finish_stdout(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    int error = errno ? errno : EIO;
    log_error("standard output: cannot write it: %s; choose another place for it", strerror(error));
    return -error;
}

void output_abandon(struct output *output)
{
    fclose(output->file);
    if (output->temporary)
        unlink(output->temporary);
    free(output->temporary);
}
