/* SPDX-License-Identifier: MIT */
/*
 * YUV4MPEG2 (mjpegtools, yuv4mpeg(5)), as FFmpeg and other programs write it: a header line for the
 * stream, then a header line and the planes of each frame. A whole frame is read into private
 * memory, and its colours are converted from there into the slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "probe.h"
#include "program/signals.h"
#include "source.h"
#include "yuv.h"

enum {
    HEADER_MAX = 1024, /* bytes of a header line; real ones have less than 200 */
    BUFFER_BYTES = 1 << 16,
};

/* A command that makes Y4M of any other video. */
#define CONVERT "ffmpeg -i INPUT -pix_fmt yuv420p -f yuv4mpegpipe -"

static const char magic[] = "YUV4MPEG2";

struct y4m_source {
    struct source source;
    const char *name; /* for messages */
    int fd;
    uint8_t buffer[BUFFER_BYTES]; /* bytes not used yet: from `start` to `end` */
    size_t start, end;
    uint64_t offset; /* in the stream, of buffer[start] */
    bool loop;
    uint64_t header_bytes; /* offset of the first frame */
    struct yuv_format yuv;
    size_t frame_bytes;
    uint8_t *frame; /* the current one */
    uint64_t number;
};

/* ------------------------------------------------------------------ bytes */

/* Like read(), but continues after a signal that does not request an exit, and waits on a
 * non-blocking descriptor, which standard input may be. */
static ssize_t read_some(struct y4m_source *self, void *to, size_t bytes)
{
    for (;;) {
        ssize_t got = read(self->fd, to, bytes);
        if (got >= 0)
            return got;
        struct pollfd readable = {.fd = self->fd, .events = POLLIN};
        if (errno == EAGAIN && poll(&readable, 1, -1) >= 0)
            continue;
        if (errno != EINTR || signals_quit()) {
            int ret = -errno;
            if (ret != -EINTR)
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
static int take_line(struct y4m_source *self, char line[HEADER_MAX])
{
    uint64_t begin = self->offset;

    for (size_t length = 0; length < HEADER_MAX; length++) {
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
    log_error("%s: not Y4M: no end of line within %d bytes after byte %llu", self->name, HEADER_MAX,
              (unsigned long long)begin);
    return -EBADMSG;
}

/* ------------------------------------------------------------------ the stream's header */

static int reject(const struct y4m_source *self, const char *what, const char *value)
{
    log_error("%s: Y4M header: %s \"%s\" is not supported; convert it: " CONVERT, self->name, what,
              value);
    return -EBADMSG;
}

static int parse_number(const char *text, uint32_t *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end || value < 1 || value > UINT32_MAX || *text == '-')
        return -EBADMSG;
    *number = (uint32_t)value;
    return 0;
}

static int parse_rate(struct y4m_source *self, char *text)
{
    struct pf_format *format = &self->source.format;
    char *colon = strchr(text, ':');

    if (strcmp(text, "0:0") == 0) /* unknown */
        return 0;
    if (!colon)
        return reject(self, "rate F", text);
    *colon = '\0';
    if (parse_number(text, &format->rate_num) < 0 || parse_number(colon + 1, &format->rate_den) < 0)
        return reject(self, "rate F", text);
    return 0;
}

static int parse_chroma(struct y4m_source *self, const char *text)
{
    static const struct {
        const char *name;
        enum yuv_chroma chroma;
    } known[] = {
        {"420", YUV_420}, {"420jpeg", YUV_420}, {"420mpeg2", YUV_420}, {"420paldv", YUV_420},
        {"422", YUV_422}, {"444", YUV_444},     {"mono", YUV_MONO},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, text) == 0) {
            self->yuv.chroma = known[i].chroma;
            return 0;
        }
    return reject(self, "colour space C", text);
}

static int parse_parameter(struct y4m_source *self, char *word)
{
    struct pf_format *format = &self->source.format;

    switch (word[0]) {
    case 'W':
        return parse_number(word + 1, &format->width) < 0 ? reject(self, "width W", word + 1) : 0;
    case 'H':
        return parse_number(word + 1, &format->height) < 0 ? reject(self, "height H", word + 1) : 0;
    case 'F': return parse_rate(self, word + 1);
    case 'C': return parse_chroma(self, word + 1);
    case 'I':
        if (word[1] && !strchr("p?", word[1]))
            log_warning("%s: interlaced frames are shown without deinterlacing", self->name);
        return 0;
    case 'X':
        if (strcmp(word, "XCOLORRANGE=FULL") == 0) /* FFmpeg's extension */
            self->yuv.is_full_range = true;
        return 0;
    default: return 0; /* A, the aspect of pixels, which are shown square; and unknown parameters */
    }
}

static int read_header(struct y4m_source *self)
{
    struct pf_format *format = &self->source.format;
    char line[HEADER_MAX], *rest = line;
    int ret = take_line(self, line);

    if (ret < 0 && ret != -ENODATA)
        return ret;
    const char *word = ret == 1 ? strsep(&rest, " ") : "";
    if (strcmp(word, magic) != 0) {
        log_error("%s: not Y4M: no %s header line at byte 0; convert it: " CONVERT, self->name,
                  magic);
        return -EBADMSG;
    }
    for (char *parameter; (parameter = strsep(&rest, " "));) {
        ret = parse_parameter(self, parameter);
        if (ret < 0)
            return ret;
    }
    if (format->width < 1 || format->width > PF_SIZE_MAX || format->height < 1 ||
        format->height > PF_SIZE_MAX) {
        log_error("%s: Y4M header: size %ux%u; each side must be 1 to %d pixels", self->name,
                  format->width, format->height, PF_SIZE_MAX);
        return -EBADMSG;
    }
    return 0;
}

static int allocate(struct y4m_source *self)
{
    self->yuv.width = self->source.format.width;
    self->yuv.height = self->source.format.height;
    self->frame_bytes = yuv_frame_bytes(&self->yuv);
    self->frame = malloc(self->frame_bytes);
    return self->frame ? 0 : log_out_of_memory(self->name);
}

/* ------------------------------------------------------------------ frames */

/* Go back to the first frame, for --loop. */
static int rewind_stream(struct y4m_source *self)
{
    if (lseek(self->fd, (off_t)self->header_bytes, SEEK_SET) < 0) {
        int ret = -errno;
        log_error("%s: cannot rewind: %s; omit --loop", self->name, strerror(-ret));
        return ret;
    }
    self->start = self->end = 0;
    self->offset = self->header_bytes;
    return 0;
}

static int skip_partial_frame(const struct y4m_source *self)
{
    log_warning("%s: truncated: ends inside frame %llu; the partial frame is skipped", self->name,
                (unsigned long long)self->number + 1);
    return -ENODATA;
}

/* Read a whole frame before a slot is begun: standard input may be slow. */
static int next(struct source *source)
{
    struct y4m_source *self = (struct y4m_source *)source;
    char line[HEADER_MAX];
    uint64_t begin = self->offset;
    int ret = take_line(self, line);

    if (ret == 0 && self->loop && self->offset > self->header_bytes) {
        ret = rewind_stream(self);
        if (ret == 0)
            ret = take_line(self, line);
    }
    if (ret == -ENODATA)
        return skip_partial_frame(self);
    if (ret == 0 && self->offset == self->header_bytes) {
        log_error("%s: contains no frame", self->name);
        return -EBADMSG;
    }
    if (ret <= 0)
        return ret < 0 ? ret : -ENODATA;
    if (strncmp(line, "FRAME", 5) != 0 || (line[5] && line[5] != ' ')) {
        log_error("%s: damaged: no FRAME at byte %llu", self->name, (unsigned long long)begin);
        return -EBADMSG;
    }
    ssize_t got = take(self, self->frame, self->frame_bytes);
    if (got < 0)
        return (int)got;
    return (size_t)got < self->frame_bytes ? skip_partial_frame(self) : 0;
}

static int fill(struct source *source, struct pf_frame *frame)
{
    struct y4m_source *self = (struct y4m_source *)source;
    const struct pf_format *format = &source->format;

    yuv_convert(&self->yuv, self->frame, frame->plane[0].pixels, frame->plane[0].stride_bytes);
    if (format->rate_num)
        frame->pts_ns = (int64_t)((double)self->number * 1e9 * format->rate_den / format->rate_num);
    self->number++;
    return 0;
}

static enum source_match probe(const struct source_config *config)
{
    const char *input = config->input_count ? config->inputs[0] : "";

    if (probe_content(input, magic, strlen(magic)))
        return SOURCE_MATCH_CONTENT;
    return strcmp(input, "-") == 0 || probe_suffix(input, ".y4m") ? SOURCE_MATCH_NAME
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

static int open_y4m(struct source **source, const struct source_config *config)
{
    struct y4m_source *self = calloc(1, sizeof *self);
    bool is_stdin = strcmp(config->inputs[0], "-") == 0;
    int ret;

    if (!self)
        return log_out_of_memory(config->inputs[0]);
    self->source = (struct source){.ops = &source_y4m_ops, .format = {.fourcc = PF_FOURCC_XR24}};
    self->name = is_stdin ? "standard input" : config->inputs[0];
    self->fd = is_stdin ? STDIN_FILENO : open(self->name, O_RDONLY | O_CLOEXEC);
    if (self->fd < 0) {
        ret = -errno;
        log_error("%s: cannot open: %s", self->name, strerror(-ret));
        goto failed;
    }
    ret = read_header(self);
    if (ret < 0)
        goto failed;
    self->header_bytes = self->offset;
    self->loop = config->loop;
    self->yuv.matrix = config->matrix == 709 ? 709 : 601;
    ret = allocate(self);
    if (ret < 0)
        goto failed;
    *source = &self->source;
    return 0;

failed:
    close_y4m(&self->source);
    return ret;
}

const struct source_ops source_y4m_ops = {
    .name = "y4m",
    .summary = "one Y4M file, or Y4M on standard input: 4:2:0, 4:2:2, 4:4:4, mono, 8 bit",
    .hint = "one Y4M file or stream (to convert: " CONVERT " | pageflip-producer -)",
    .has_matrix = true,
    .probe = probe,
    .open = open_y4m,
    .next = next,
    .fill = fill,
    .close = close_y4m,
};
