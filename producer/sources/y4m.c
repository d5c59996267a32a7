/* SPDX-License-Identifier: MIT */
/*
 * YUV4MPEG2 (mjpegtools, yuv4mpeg(5)), as FFmpeg and other programs write it: a header line for the
 * stream, then a header line and the planes of each frame. Another stream may follow, with a header
 * of its own. A whole frame is read into private memory, and its colours are converted from there
 * into the slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "advice.h"
#include "core/format.h"
#include "core/log.h"
#include "media/file_kind.h"
#include "probe.h"
#include "program/signals.h"
#include "source.h"
#include "y4m_header.h"

enum {
    LINE_MAX_BYTES = 1024, /* of a header line; real ones have less than 200 */
    BUFFER_BYTES = 1 << 16,
};

struct y4m_source {
    struct source source;
    const char *name; /* for messages */
    int fd;
    bool is_pipe;                 /* a pipe, a FIFO or a socket */
    bool is_fifo;                 /* with a name: any writer may open it */
    uint8_t buffer[BUFFER_BYTES]; /* bytes not used yet: from `start` to `end` */
    size_t start, end;
    uint64_t offset; /* in the stream, of buffer[start] */
    bool loop;
    uint32_t fourcc;          /* requested; 0: none */
    struct y4m_header header; /* of the stream that is being read */
    size_t frame_bytes;
    uint8_t *frame;  /* the current one */
    uint64_t number; /* of frames since the beginning of the file */
};

/* ------------------------------------------------------------------ bytes */

/* Like read(), but continues after a signal that does not request an exit, and waits on a
 * non-blocking descriptor, which standard input may be. It waits in poll(), which SIGUSR1 ends. */
static ssize_t read_some(struct y4m_source *self, void *to, size_t bytes)
{
    for (;;) {
        struct pollfd readable = {.fd = self->fd, .events = POLLIN};
        ssize_t got = poll(&readable, 1, -1) < 0 ? -1 : read(self->fd, to, bytes);
        if (got >= 0)
            return got;
        if (errno == EINTR) {
            int ret = signals_check();
            if (ret < 0)
                return ret;
        } else if (errno != EAGAIN) {
            int ret = -errno;
            log_error("%s: cannot read: %s", self->name, strerror(-ret));
            return ret;
        }
    }
}

/* Returns the number of bytes read, less than `bytes` only at the end of the stream, or a negative
 * errno. */
static ssize_t take(struct y4m_source *self, uint8_t *to, size_t bytes)
{
    size_t done = self->end - self->start < bytes ? self->end - self->start : bytes;

    memcpy(to, self->buffer + self->start, done);
    self->start += done;
    while (done < bytes) {
        ssize_t got = read_some(self, to + done, bytes - done);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    self->offset += done;
    return (ssize_t)done;
}

/* Read a line, without its newline. Returns 1, 0 at the end of the stream, -ENODATA if the stream
 * ends within the line, or another negative errno, logged. */
static int take_line(struct y4m_source *self, char line[LINE_MAX_BYTES])
{
    uint64_t begin = self->offset;

    for (size_t length = 0; length < LINE_MAX_BYTES; length++) {
        if (self->start == self->end) {
            ssize_t got = read_some(self, self->buffer, sizeof self->buffer);
            if (got < 0)
                return (int)got;
            self->start = 0;
            self->end = (size_t)got;
            if (got == 0)
                return length == 0 ? 0 : -ENODATA;
        }
        line[length] = (char)self->buffer[self->start++];
        self->offset++;
        if (line[length] == '\n') {
            line[length] = '\0';
            return 1;
        }
    }
    log_error("%s: not Y4M: no end of line within %d bytes after byte %llu", self->name,
              LINE_MAX_BYTES, (unsigned long long)begin);
    return -EBADMSG;
}

/* ------------------------------------------------------------------ the stream's header */

/* Begin a stream with this header line: its format is that of the next frame. */
static int begin_stream(struct y4m_source *self, char *line)
{
    int ret = y4m_header_parse(&self->header, line);

    if (ret < 0)
        return ret;
    const struct yuv_format *yuv = &self->header.yuv;
    self->source.format = (struct pf_format){.fourcc = PF_FOURCC_XR24,
                                             .width = yuv->width,
                                             .height = yuv->height,
                                             .rate_num = self->header.rate_num,
                                             .rate_den = self->header.rate_den};
    if (self->fourcc == PF_FOURCC_YU12 && yuv->chroma == YUV_420) {
        self->source.format.fourcc = PF_FOURCC_YU12;
        self->source.format.color = (struct pf_color){
            .matrix = yuv->matrix == 709 ? PF_MATRIX_709 : PF_MATRIX_601,
            .range = yuv->is_full_range ? PF_RANGE_FULL : PF_RANGE_LIMITED,
        };
    }
    free(self->frame);
    self->frame_bytes = yuv_frame_bytes(&self->header.yuv);
    self->frame = malloc(self->frame_bytes);
    return self->frame ? 0 : log_out_of_memory(self->name);
}

/* The input does not begin like Y4M: log what it is instead. */
static int reject_content(const struct y4m_source *self)
{
    const char *kind = file_kind_of_bytes(self->buffer, self->end);
    char advice[ADVICE_BYTES];

    if (self->end == 0)
        log_error("%s: not Y4M: it is empty", self->name);
    else
        log_error("%s: not Y4M: %s%s; convert it: %s", self->name, kind ? "it is " : "",
                  kind ? kind : "it does not begin with " Y4M_MAGIC,
                  advice_convert(self->header.path, advice));
    return -EBADMSG;
}

static int read_first_header(struct y4m_source *self)
{
    char line[LINE_MAX_BYTES];

    while (self->end < strlen(Y4M_MAGIC)) {
        ssize_t got = read_some(self, self->buffer + self->end, sizeof self->buffer - self->end);
        if (got < 0)
            return (int)got;
        if (got == 0)
            break;
        self->end += (size_t)got;
    }
    if (self->end < strlen(Y4M_MAGIC) || memcmp(self->buffer, Y4M_MAGIC, strlen(Y4M_MAGIC)) != 0)
        return reject_content(self);
    int ret = take_line(self, line);
    if (ret == -ENODATA) {
        log_error("%s: truncated: ends inside its first line", self->name);
        return -EBADMSG;
    }
    if (ret < 0)
        return ret;
    if (y4m_line_is(line, Y4M_MAGIC))
        return begin_stream(self, line);
    log_error("%s: damaged: its first word is not " Y4M_MAGIC, self->name);
    return -EBADMSG;
}

/* ------------------------------------------------------------------ frames */

/* Go back to the first header, for --loop. */
static int rewind_stream(struct y4m_source *self)
{
    if (lseek(self->fd, 0, SEEK_SET) < 0) {
        int ret = -errno;
        log_error("%s: cannot rewind: %s; omit --loop", self->name, strerror(-ret));
        return ret;
    }
    self->start = self->end = 0;
    self->offset = 0;
    self->number = 0;
    self->header.is_known = true;
    return 0;
}

static int skip_partial_frame(const struct y4m_source *self)
{
    if (self->number == 0) {
        log_error("%s: truncated: contains no whole frame", self->name);
        return -EBADMSG;
    }
    log_warning("%s: truncated: ends inside frame %llu; the partial frame is skipped", self->name,
                (unsigned long long)self->number + 1);
    return -ENODATA;
}

/* The input ends between two frames. Returns 0 if it begins again. */
static int end_stream(struct y4m_source *self)
{
    if (self->number == 0) {
        log_error("%s: contains no frame", self->name);
        return -EBADMSG;
    }
    if (self->loop)
        return rewind_stream(self);
    if (self->is_fifo)
        log_warning("%s: its writer has closed this FIFO, so the stream ends", self->name);
    return -ENODATA;
}

/* Read the header line of the next frame, after the header lines of streams, if any. */
static int take_frame_header(struct y4m_source *self)
{
    char line[LINE_MAX_BYTES];

    for (;;) {
        uint64_t begin = self->offset;
        int ret = take_line(self, line);
        if (ret == -ENODATA)
            return skip_partial_frame(self);
        if (ret == 1 && y4m_line_is(line, "FRAME"))
            return 0;
        if (ret == 0)
            ret = end_stream(self);
        else if (ret == 1 && y4m_line_is(line, Y4M_MAGIC))
            ret = begin_stream(self, line);
        else if (ret == 1) {
            log_error("%s: damaged: no FRAME at byte %llu", self->name, (unsigned long long)begin);
            ret = -EBADMSG;
        }
        if (ret < 0)
            return ret;
    }
}

static bool has_more(const struct y4m_source *self)
{
    struct pollfd readable = {.fd = self->fd, .events = POLLIN};

    return self->start < self->end || (poll(&readable, 1, 0) > 0 && readable.revents & POLLIN);
}

/* Read a whole frame before a slot is begun: a pipe may be slow. */
static int next(struct source *source)
{
    struct y4m_source *self = (struct y4m_source *)source;
    int ret = take_frame_header(self);

    if (ret < 0)
        return ret;
    ssize_t got = take(self, self->frame, self->frame_bytes);
    if (got < 0)
        return (int)got;
    if ((size_t)got < self->frame_bytes)
        return skip_partial_frame(self);
    self->number++;
    source->is_ahead = self->is_pipe && has_more(self);
    return 0;
}

static void copy_plane(const uint8_t *from, uint32_t row_bytes, uint32_t rows,
                       const struct pf_plane *to)
{
    for (uint32_t y = 0; y < rows; y++)
        memcpy(to->pixels + (size_t)y * to->stride_bytes, from + (size_t)y * row_bytes, row_bytes);
}

static int fill(struct source *source, struct pf_frame *frame)
{
    const struct y4m_source *self = (const struct y4m_source *)source;
    const struct yuv_samples samples = yuv_samples_of(&self->header.yuv, self->frame);

    if (source->format.fourcc == PF_FOURCC_YU12 && !source->is_converted) {
        const struct pf_format_planes planes = format_planes(&source->format);
        const uint8_t *const from[] = {samples.y, samples.cb, samples.cr};
        for (uint32_t p = 0; p < sizeof from / sizeof *from; p++)
            copy_plane(from[p], planes.row_bytes[p], planes.rows[p], &frame->plane[p]);
        return 0;
    }
    yuv_convert(&self->header.yuv, &samples, frame->plane[0].pixels, frame->plane[0].stride_bytes);
    return 0;
}

static enum source_match probe(const struct source_config *config)
{
    const char *input = config->input_count ? config->inputs[0] : "";

    if (probe_content(input, Y4M_MAGIC, strlen(Y4M_MAGIC)))
        return SOURCE_MATCH_CONTENT;
    return probe_is_stream(input) || probe_suffix(input, ".y4m") ? SOURCE_MATCH_NAME
                                                                 : SOURCE_MATCH_NONE;
}

static void close_y4m(struct source *source)
{
    struct y4m_source *self = (struct y4m_source *)source;

    if (self->fd > STDIN_FILENO)
        close(self->fd);
    free(self->frame);
    free(self);
}

/* open() of a FIFO waits for its writer. */
static int open_file(struct y4m_source *self, const char *path)
{
    struct stat info;
    struct statfs system;
    bool is_stdin = strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;

    self->name = is_stdin ? "standard input" : path;
    do
        self->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    while (self->fd < 0 && errno == EINTR && !signals_quit());
    if (self->fd < 0 || fstat(self->fd, &info) < 0) {
        int ret = -errno;
        if (ret != -EINTR)
            log_error("%s: cannot open: %s", self->name, file_open_failure(path, -ret));
        return ret;
    }
    self->is_pipe = S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode);
    self->is_fifo =
        S_ISFIFO(info.st_mode) && fstatfs(self->fd, &system) == 0 && system.f_type != PIPEFS_MAGIC;
    self->header.name = self->name;
    self->header.path = S_ISREG(info.st_mode) && !is_stdin ? path : NULL;
    return 0;
}

static int open_y4m(struct source **source, const struct source_config *config)
{
    struct y4m_source *self = calloc(1, sizeof *self);

    if (!self)
        return log_out_of_memory(config->inputs[0]);
    self->source.ops = &source_y4m_ops;
    self->source.copies = 1; /* a pipe may be slow, so a frame is read before its slot is begun */
    self->fourcc = config->fourcc;
    self->loop = config->loop;
    self->header.needs_rate = !config->rate_is_given;
    self->header.yuv.matrix = config->matrix == 709 ? 709 : 601;
    int ret = open_file(self, config->inputs[0]);
    if (ret == 0)
        ret = read_first_header(self);
    if (ret < 0) {
        close_y4m(&self->source);
        return ret;
    }
    *source = &self->source;
    return 0;
}

const struct source_ops source_y4m_ops = {
    .name = "y4m",
    .summary = "one Y4M file, FIFO or pipe: 4:2:0, 4:2:2, 4:4:4, mono, 8 bit; - is standard input",
    .hint = "one Y4M file or stream",
    .has_matrix = true,
    .probe = probe,
    .open = open_y4m,
    .next = next,
    .fill = fill,
    .close = close_y4m,
};
