/* SPDX-License-Identifier: MIT */
/*
 * libpng reports errors by longjmp(). So everything that is cleaned up is in a struct that exists
 * before setjmp(), and no local variable that is used after a longjmp() changes after setjmp().
 *
 * Rows are decoded directly into the caller's memory: the transformations below make every kind of
 * PNG into 4 bytes B, G, R, 255 a pixel while libpng writes the row.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "core/log.h"
#include "file_kind.h"
#include "pageflip.h"

enum {
    ANCILLARY_MAX =
        1 << 20,      /* bytes of a chunk that has no pixels: a small file may unpack to GB */
    BACKGROUND = 128, /* neutral grey behind transparent pixels */
};

/* Chunks that libpng is configured to skip. It would keep the first eight in memory in their full
 * length, with only a warning if that is over ANCILLARY_MAX. With one of the other three it would
 * compose transparent pixels in linear light. Samples are shown as they are in the file. */
static const png_byte skipped_chunks[] =
    "eXIf\0iCCP\0iTXt\0pCAL\0sCAL\0sPLT\0tEXt\0zTXt\0cHRM\0gAMA\0sRGB";

struct image {
    png_structp png;
    png_infop info;
    FILE *file;
    char *path;
    bool is_animated;
    char reason[128]; /* libpng's latest warning or error */
};

/* ------------------------------------------------------------------ libpng's callbacks */

static void on_error(png_structp png, png_const_charp message)
{
    struct image *image = png_get_error_ptr(png);

    /* The reason for this error (a size over the limit, for example) is in an earlier warning. */
    if (!image->reason[0] || strcmp(message, "Invalid IHDR data") != 0)
        snprintf(image->reason, sizeof image->reason, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    struct image *image = png_get_error_ptr(png);

    log_info("%s: %s", image->path, message);
    snprintf(image->reason, sizeof image->reason, "%s", message);
}

static void read_bytes(png_structp png, png_bytep data, size_t length)
{
    FILE *file = png_get_io_ptr(png);

    if (fread(data, 1, length, file) != length)
        png_error(png, ferror(file) ? strerror(errno) : "truncated");
}

/* Reads acTL, which libpng does not handle, and which begins with the number of images (Animated
 * PNG, 1.0). Returns 0: the chunk is not handled, and libpng skips it. */
static int read_unknown_chunk(png_structp png, png_unknown_chunkp chunk)
{
    struct image *image = png_get_user_chunk_ptr(png);

    if (memcmp(chunk->name, "acTL", 4) == 0 && chunk->size >= 4)
        image->is_animated = png_get_uint_32(chunk->data) > 1;
    return 0;
}

/* ------------------------------------------------------------------ reading */

static int log_bad_image(const struct image *image)
{
    const char *kind = file_kind(image->path);

    if (kind && strcmp(kind, FILE_KIND_PNG) != 0)
        log_error("%s: not a valid PNG: it is %s", image->path, kind);
    else
        log_error("%s: not a valid PNG: %s", image->path, image->reason);
    return -EBADMSG;
}

static int read_header(struct image *image, uint32_t *width, uint32_t *height)
{
    image->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, image, on_error, on_warning);
    if (image->png)
        image->info = png_create_info_struct(image->png);
    if (!image->info)
        return log_out_of_memory(image->path);
    if (setjmp(png_jmpbuf(image->png)))
        return log_bad_image(image);

    png_set_user_limits(image->png, PF_SIZE_MAX, PF_SIZE_MAX);
    png_set_chunk_malloc_max(image->png, ANCILLARY_MAX);
    png_set_chunk_cache_max(image->png, 16);
    png_set_keep_unknown_chunks(image->png, PNG_HANDLE_CHUNK_NEVER, skipped_chunks,
                                sizeof skipped_chunks / 5);
    png_set_read_user_chunk_fn(image->png, image, read_unknown_chunk);
    png_set_read_fn(image->png, image->file, read_bytes);
    png_read_info(image->png, image->info);
    *width = png_get_image_width(image->png, image->info);
    *height = png_get_image_height(image->png, image->info);
    return 0;
}

static int open_file(FILE **file, const char *path)
{
    struct stat info;
    /* O_NONBLOCK: open() must not wait for a writer if the path is a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &info) < 0) {
        int ret = -errno;
        log_error("%s: cannot open: %s", path, file_open_failure(path, -ret));
        if (fd >= 0)
            close(fd);
        return ret;
    }
    if (!S_ISREG(info.st_mode)) {
        log_error("%s: not a PNG file: it is %s", path, file_kind(path));
        close(fd);
        return -EBADMSG;
    }
    *file = fdopen(fd, "r");
    if (!*file) {
        close(fd);
        return log_out_of_memory(path);
    }
    return 0;
}

int image_open(struct image **image, const char *path, uint32_t *width, uint32_t *height)
{
    struct image *made = calloc(1, sizeof *made);

    if (!made || !(made->path = strdup(path))) {
        free(made);
        return log_out_of_memory(path);
    }
    int ret = open_file(&made->file, path);
    if (ret == 0)
        ret = read_header(made, width, height);
    if (ret < 0)
        image_close(made);
    else
        *image = made;
    return ret;
}

bool image_is_animated(const struct image *image)
{
    return image->is_animated;
}

/* To B, G, R, 255, whatever the file's kind. */
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

int image_read(struct image *image, uint8_t *pixels, uint32_t stride_bytes)
{
    if (setjmp(png_jmpbuf(image->png)))
        return log_bad_image(image);

    set_transformations(image->png, image->info);
    int passes = png_set_interlace_handling(image->png);
    png_read_update_info(image->png, image->info);

    uint32_t width = png_get_image_width(image->png, image->info);
    uint32_t height = png_get_image_height(image->png, image->info);
    if (png_get_rowbytes(image->png, image->info) != 4 * (size_t)width)
        png_error(image->png, "unknown pixel format");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++)
            png_read_row(image->png, pixels + (size_t)y * stride_bytes, NULL);
    png_read_end(image->png, NULL); /* detects a file that is truncated after its pixels */
    return 0;
}

void image_close(struct image *image)
{
    if (!image)
        return;
    png_destroy_read_struct(&image->png, &image->info, NULL);
    if (image->file)
        fclose(image->file);
    free(image->path);
    free(image);
}

/* ------------------------------------------------------------------ writing */

static void on_write_error(png_structp png, png_const_charp message)
{
    (void)message; /* "Write Error": errno has the reason */
    png_longjmp(png, 1);
}

static void on_write_warning(png_structp png, png_const_charp message)
{
    /* Warnings do not concern the pixels; without this function libpng would print them. */
    (void)png;
    (void)message;
}

static void write_rows(png_structp png, png_infop info, FILE *file, const uint8_t *pixels,
                       uint32_t stride_bytes, uint32_t width, uint32_t height, bool has_alpha)
{
    png_init_io(png, file);
    png_set_IHDR(png, info, width, height, 8,
                 has_alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 3); /* a snapshot interrupts the viewer for as long as this */
    png_write_info(png, info);
    png_set_bgr(png);
    if (!has_alpha)
        png_set_filler(png, 0, PNG_FILLER_AFTER);
    for (uint32_t y = 0; y < height; y++)
        png_write_row(png, pixels + (size_t)y * stride_bytes);
    png_write_end(png, NULL);
}

int image_write(FILE *file, const uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                uint32_t height, bool has_alpha)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_write_error, on_write_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return -ENOMEM;
    }
    errno = 0;
    if (setjmp(png_jmpbuf(png))) {
        int ret = errno ? -errno : -EIO;
        png_destroy_write_struct(&png, &info);
        return ret;
    }
    write_rows(png, info, file, pixels, stride_bytes, width, height, has_alpha);
    png_destroy_write_struct(&png, &info);
    return 0;
}
