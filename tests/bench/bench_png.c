/* SPDX-License-Identifier: MIT */
/*
 * One PNG image, decoded in turn by pageflip into a slot, by plain libpng into private memory, and
 * by libpng with a copy to the slot, as a producer does that cannot decode into a slot.
 *
 *     bench_png WIDTH HEIGHT COUNT
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <png.h>

#include "core/clock.h"
#include "figures.h"
#include "media/image.h"
#include "pageflip.h"
#include "program/image_file.h"

static struct histogram slot, alone, copied;

/* Decode with the libpng settings of media/image.c. Returns 0, or -1 on any error. */
static int decode(const char *path, uint8_t *pixels, uint32_t stride_bytes)
{
    FILE *file = fopen(path, "rb");
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!file || !info || setjmp(png_jmpbuf(png)))
        return -1;
    png_init_io(png, file);
    png_read_info(png, info);
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_bgr(png);
    png_set_filler(png, 0xff, PNG_FILLER_AFTER);
    png_read_update_info(png, info);
    uint32_t height = png_get_image_height(png, info);
    for (uint32_t y = 0; y < height; y++)
        png_read_row(png, pixels + (size_t)y * stride_bytes, NULL);
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    fclose(file);
    return 0;
}

static int decode_by_pageflip(const char *path, const struct pf_frame *frame)
{
    struct image *image;
    uint32_t width, height;
    int ret = image_open(&image, path, &width, &height);

    if (ret < 0)
        return ret;
    ret = image_read(image, frame->plane[0].pixels, frame->plane[0].stride_bytes);
    image_close(image);
    return ret;
}

/* Smooth with some noise, like a photograph or a rendered scene. */
static void draw(uint8_t *pixels, uint32_t width, uint32_t height)
{
    uint32_t noise = 1;

    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++, pixels += 4) {
            noise = noise * 1664525 + 1013904223; /* Numerical Recipes */
            pixels[0] = (uint8_t)(x * 255 / width + (noise >> 30));
            pixels[1] = (uint8_t)(y * 255 / height + (noise >> 30));
            pixels[2] = (uint8_t)((x + y) / 16);
            pixels[3] = 0xff;
        }
    }
}

int main(int argc, char **argv)
{
    struct pf_producer *producer;
    struct pf_format format = {.fourcc = PF_FOURCC_XR24};
    char path[] = "/tmp/pageflip-bench-XXXXXX";

    if (argc != 4)
        return 2;
    format.width = (uint32_t)atoi(argv[1]);
    format.height = (uint32_t)atoi(argv[2]);
    uint32_t stride_bytes = format.width * 4;
    uint8_t *memory = malloc((size_t)stride_bytes * format.height);
    int fd = mkstemp(path), code = 1;
    if (!memory || fd < 0 || pf_producer_open(&producer, "bench", &format, NULL) < 0)
        return 1;
    close(fd);
    draw(memory, format.width, format.height);
    if (image_write_file(path, memory, stride_bytes, format.width, format.height, false) < 0)
        goto out;
    for (long i = -1; i < atol(argv[3]); i++) { /* -1: not counted, loads the file into the cache */
        struct pf_frame frame;
        int64_t at_ns[4];
        if (pf_producer_begin(producer, PF_FOREVER, &frame) < 0)
            goto out;
        at_ns[0] = clock_now_ns();
        if (decode_by_pageflip(path, &frame) < 0)
            goto out;
        at_ns[1] = clock_now_ns();
        if (decode(path, memory, stride_bytes) < 0)
            goto out;
        at_ns[2] = clock_now_ns();
        for (uint32_t y = 0; y < format.height; y++)
            memcpy(frame.plane[0].pixels + (size_t)y * frame.plane[0].stride_bytes,
                   memory + (size_t)y * stride_bytes, stride_bytes);
        at_ns[3] = clock_now_ns();
        pf_producer_publish(producer, &frame);
        if (i < 0)
            continue;
        histogram_record(&slot, at_ns[1] - at_ns[0]);
        histogram_record(&alone, at_ns[2] - at_ns[1]);
        histogram_record(&copied, at_ns[3] - at_ns[1]);
    }
    figures_print("slot", &slot);
    figures_print("alone", &alone);
    figures_print("copied", &copied);
    code = 0;
out:
    unlink(path);
    pf_producer_close(producer);
    free(memory);
    return code;
}
