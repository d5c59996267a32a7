/* SPDX-License-Identifier: MIT */
/* The order is write, flush, sync, close, rename. Any of these steps may report a full disk. */
#include "atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messages.h"
#include "output.h"

static int open_temporary(struct atomic_file *file)
{
    if (asprintf(&file->temporary, "%s.XXXXXX", file->path) < 0)
        return messages_cannot_write(file->path, ENOMEM);
    int fd = mkostemp(file->temporary, O_CLOEXEC);
    if (fd >= 0) {
        mode_t mask = umask(0);
        umask(mask);
        fchmod(fd, 0666 & ~mask); /* the mode that open() would give */
        file->stream = fdopen(fd, "w");
    }
    if (file->stream)
        return 0;
    int ret = messages_cannot_write(file->path, errno);
    if (fd >= 0) {
        close(fd);
        unlink(file->temporary);
    }
    free(file->temporary);
    file->temporary = NULL;
    return ret;
}

int atomic_file_open(struct atomic_file *file, const char *path)
{
    *file = (struct atomic_file){.path = path};
    return output_is_in_place(path) ? output_open(&file->stream, path) : open_temporary(file);
}

int atomic_file_check(const char *path)
{
    struct atomic_file file;

    if (output_is_in_place(path))
        return output_check(path);
    int ret = atomic_file_open(&file, path); /* nothing is at `path` meanwhile */
    if (ret == 0)
        atomic_file_abandon(&file);
    return ret;
}

int atomic_file_finish(struct atomic_file *file)
{
    int error = 0;

    if (fflush(file->stream) != 0 || ferror(file->stream))
        error = errno ? errno : EIO;
    if (!error && file->temporary && fsync(fileno(file->stream)) < 0)
        error = errno;
    if (fclose(file->stream) != 0 && !error)
        error = errno;
    if (!error && file->temporary && rename(file->temporary, file->path) < 0)
        error = errno;
    if (error && file->temporary)
        unlink(file->temporary);
    free(file->temporary);
    return error ? output_failed(file->path, error) : 0;
}

void atomic_file_abandon(struct atomic_file *file)
{
    fclose(file->stream);
    if (file->temporary)
        unlink(file->temporary);
    free(file->temporary);
}
