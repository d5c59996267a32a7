/* SPDX-License-Identifier: MIT */
/*
 * libpng reports errors by longjmp(). So whatever is cleaned up lives in the reader or the writer,
 * which exist before setjmp(), and nothing else is changed between setjmp() and a longjmp() that is
 * looked at afterwards.
 *
 * Rows go straight to where the caller wants them: the transformations below make every kind of PNG
 * into 4 bytes B, G, R, 255 a pixel while libpng writes the row.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "core/log.h"
#include "pageflip.h"
#include "program/atomic_file.h"

enum {
    ANCILLARY_MAX = 1 << 20, /* bytes of a chunk that is not the picture: bombs hide there */
    BACKGROUND = 128,        /* neutral grey behind what is transparent */
};

/* Chunks that libpng keeps whole, however long they say they are: it only warns of ANCILLARY_MAX,
 * allocates and clears the memory. None of them is in the picture, so all are passed over. */
static const png_byte passed_over[] = "eXIf\0iCCP\0iTXt\0pCAL\0sCAL\0sPLT\0tEXt\0zTXt";

struct picture {
    png_structp png;
    png_infop info;
    FILE *file;
    const uint8_t *bytes; /* or memory */
    size_t length, offset;
    char *name;
    char reason[128];
};

/* ------------------------------------------------------------------ libpng's callbacks */

static void on_error(png_structp png, png_const_charp message)
{
    struct picture *picture = png_get_error_ptr(png);

    /* What is wrong with a header, a size over the limit say, is in the warnings before this. */
    if (!picture->reason[0] || strcmp(message, "Invalid IHDR data") != 0)
        snprintf(picture->reason, sizeof picture->reason, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    struct picture *picture = png_get_error_ptr(png);

    log_info("%s: %s", picture->name, message);
    snprintf(picture->reason, sizeof picture->reason, "%s", message);
}

static void read_file(png_structp png, png_bytep data, size_t length)
{
    struct picture *picture = png_get_io_ptr(png);

    if (fread(data, 1, length, picture->file) != length)
        png_error(png, ferror(picture->file) ? strerror(errno) : "it ends too soon (truncated)");
}

static void read_memory(png_structp png, png_bytep data, size_t length)
{
    struct picture *picture = png_get_io_ptr(png);

    if (length > picture->length - picture->offset)
        png_error(png, "it ends too soon (truncated)");
    memcpy(data, picture->bytes + picture->offset, length);
    picture->offset += length;
}

/* ------------------------------------------------------------------ reading */

static int fail(const struct picture *picture)
{
    log_error("%s: not a PNG that can be shown: %s; give another file", picture->name,
              picture->reason);
    return -EBADMSG;
}

static int read_header(struct picture *picture, uint32_t *width, uint32_t *height)
{
    picture->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, picture, on_error, on_warning);
    if (picture->png)
        picture->info = png_create_info_struct(picture->png);
    if (!picture->info)
        return log_out_of_memory(picture->name);
    if (setjmp(png_jmpbuf(picture->png)))
        return fail(picture);

    png_set_user_limits(picture->png, PF_SIZE_MAX, PF_SIZE_MAX);
    png_set_chunk_malloc_max(picture->png, ANCILLARY_MAX);
    png_set_chunk_cache_max(picture->png, 16);
    png_set_keep_unknown_chunks(picture->png, PNG_HANDLE_CHUNK_NEVER, passed_over,
                                sizeof passed_over / 5);
    png_set_read_fn(picture->png, picture, picture->file ? read_file : read_memory);
    png_read_info(picture->png, picture->info);
    *width = png_get_image_width(picture->png, picture->info);
    *height = png_get_image_height(picture->png, picture->info);
    return 0;
}

static int open_picture(struct picture **picture, const char *name, FILE *file, const void *bytes,
                        size_t length, uint32_t *width, uint32_t *height)
{
    struct picture *made = calloc(1, sizeof *made);

    if (!made || !(made->name = strdup(name))) {
        if (file)
            fclose(file);
        free(made);
        return log_out_of_memory(name);
    }
    made->file = file;
    made->bytes = bytes;
    made->length = length;
    int ret = read_header(made, width, height);
    if (ret < 0)
        picture_close(made);
    else
        *picture = made;
    return ret;
}

int picture_open(struct picture **picture, const char *path, uint32_t *width, uint32_t *height)
{
    struct stat info;
    /* O_NONBLOCK: a pipe in a folder of pictures must not hold us up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &info) < 0) {
        int ret = -errno;
        log_error("%s: cannot open it: %s; give a PNG file that can be read", path, strerror(-ret));
        if (fd >= 0)
            close(fd);
        return ret;
    }
    if (!S_ISREG(info.st_mode)) {
        log_error("%s: not a regular file; give a PNG file", path);
        close(fd);
        return -EBADMSG;
    }
    FILE *file = fdopen(fd, "r");
    if (!file) {
        close(fd);
        return log_out_of_memory(path);
    }
    return open_picture(picture, path, file, NULL, 0, width, height);
}

int picture_open_memory(struct picture **picture, const char *name, const void *bytes,
                        size_t length, uint32_t *width, uint32_t *height)
{
    return open_picture(picture, name, NULL, bytes, length, width, height);
}

/* Every kind of PNG becomes 8-bit B, G, R, 255, alpha composed over grey. */
static void set_transformations(png_structp png, png_infop info)
{
    png_byte color = png_get_color_type(png, info);
    bool has_alpha = (color & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS);
    png_color_16 background = {.red = BACKGROUND,
                               .green = BACKGROUND,
                               .blue = BACKGROUND,
                               .gray = BACKGROUND};

    png_set_expand(png);   /* palette and grey below 8 bits to 8, tRNS to alpha */
    png_set_scale_16(png); /* 16 bits to 8, rounded */
    if (!(color & PNG_COLOR_MASK_COLOR))
        png_set_gray_to_rgb(png);
    if (has_alpha)
        png_set_background(png, &background, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
    png_set_bgr(png);
    png_set_filler(png, 0xff, PNG_FILLER_AFTER);
}

int picture_read(struct picture *picture, uint8_t *pixels, uint32_t stride_bytes)
{
    if (setjmp(png_jmpbuf(picture->png)))
        return fail(picture);

    set_transformations(picture->png, picture->info);
    int passes = png_set_interlace_handling(picture->png);
    png_read_update_info(picture->png, picture->info);

    uint32_t width = png_get_image_width(picture->png, picture->info);
    uint32_t height = png_get_image_height(picture->png, picture->info);
    if (png_get_rowbytes(picture->png, picture->info) != 4 * (size_t)width)
        png_error(picture->png, "an unknown kind of pixel");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++)
            png_read_row(picture->png, pixels + (size_t)y * stride_bytes, NULL);
    png_read_end(picture->png, NULL); /* a picture cut short after its pixels is damaged too */
    return 0;
}

void picture_close(struct picture *picture)
{
    if (!picture)
        return;
    png_destroy_read_struct(&picture->png, &picture->info, NULL);
    if (picture->file)
        fclose(picture->file);
    free(picture->name);
    free(picture);
}

/* ------------------------------------------------------------------ writing */

static void write_rows(png_structp png, png_infop info, FILE *file, const uint8_t *pixels,
                       uint32_t stride_bytes, uint32_t width, uint32_t height)
{
    png_init_io(png, file);
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 3); /* a snapshot must not stop the show for long */
    png_write_info(png, info);
    png_set_bgr(png);
    png_set_filler(png, 0, PNG_FILLER_AFTER);
    for (uint32_t y = 0; y < height; y++)
        png_write_row(png, pixels + (size_t)y * stride_bytes);
    png_write_end(png, NULL);
}

static int encode(struct output *output, const uint8_t *pixels, uint32_t stride_bytes,
                  uint32_t width, uint32_t height)
{
    struct picture context = {.name = (char *)output->path}; /* for the callbacks' words */
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return log_out_of_memory(output->path);
    }
    if (setjmp(png_jmpbuf(png))) {
        log_error("%s: cannot write it: %s; choose another place for it", output->path,
                  errno ? strerror(errno) : context.reason);
        png_destroy_write_struct(&png, &info);
        return -EIO;
    }
    errno = 0;
    write_rows(png, info, output->file, pixels, stride_bytes, width, height);
    png_destroy_write_struct(&png, &info);
    return 0;
}

int picture_write(const char *path, const uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                  uint32_t height)
{
    struct output output;
    int ret = output_open(&output, path);

    if (ret < 0)
        return ret;
    ret = encode(&output, pixels, stride_bytes, width, height);
    if (ret < 0) {
        output_abandon(&output);
        return ret;
    }
    return output_finish(&output);
}
