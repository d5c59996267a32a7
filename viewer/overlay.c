/* SPDX-License-Identifier: MIT */
/* The table is above, the strip of bars below; the latest frame is the rightmost bar. */
#include "overlay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/format.h"

/* Pixels at scale 1; LINES is the number of lines of text. */
enum {
    MARGIN = 8,
    BAR_WIDTH = 4,
    LINES = 8,
    STRIP_HEIGHT = 96,
    WIDTH = OVERLAY_FRAMES * BAR_WIDTH + 2 * MARGIN,
    HEIGHT = LINES * FONT_HEIGHT + STRIP_HEIGHT + 3 * MARGIN,
};

enum {
    COLOR_BACK = 0x12161c,
    COLOR_TEXT = 0xe8e8e8,
    COLOR_FAINT = 0x56606c,
    COLOR_LATE = 0xe05050,
    COLOR_RENDER = 0x4a90d9,
    COLOR_HANDOFF = 0x60c060,
    COLOR_PRESENT = 0xffb000,
};

void overlay_add(struct overlay *overlay, const struct presented *done)
{
    const struct pf_frame *frame = &done->frame;
    int64_t due_ns = clock_earlier(frame->due_ns, frame->begin_ns);

    overlay->recent[overlay->frames++ % OVERLAY_FRAMES] = (struct overlay_frame){
        .late_ns = frame->begin_ns - due_ns,
        .render_ns = frame->publish_ns - frame->begin_ns,
        .handoff_ns = frame->acquire_ns - frame->publish_ns,
        .present_ns = done->done_ns - frame->acquire_ns,
    };
}

static void fill_box(const struct canvas *canvas, uint32_t x, uint32_t y, uint32_t width,
                     uint32_t height, uint32_t color)
{
    for (uint32_t row = y; row < y + height && row < canvas->height; row++) {
        uint32_t *pixels =
            (uint32_t *)(void *)(canvas->pixels + (size_t)row * canvas->stride_bytes);
        for (uint32_t i = x; i < x + width && i < canvas->width; i++)
            pixels[i] = 0xff000000 | color;
    }
}

static bool make_canvas(struct overlay *overlay, uint32_t scale)
{
    struct canvas *canvas = &overlay->canvas;

    if (canvas->width == WIDTH * scale)
        return true;
    free(canvas->pixels);
    *canvas = (struct canvas){.width = WIDTH * scale, .height = HEIGHT * scale};
    canvas->stride_bytes = canvas->width * 4;
    canvas->pixels = malloc((size_t)canvas->stride_bytes * canvas->height);
    if (!canvas->pixels)
        *canvas = (struct canvas){0};
    return canvas->pixels;
}

/* ------------------------------------------------------------------ table */

static void draw_line(const struct canvas *canvas, uint32_t scale, int number, uint32_t color,
                      const char *text)
{
    font_draw(canvas, (int32_t)(MARGIN * scale),
              (int32_t)((MARGIN + (uint32_t)number * FONT_HEIGHT) * scale), scale, color, text);
}

static void draw_stage(const struct canvas *canvas, uint32_t scale, int number, uint32_t color,
                       const char *name, const struct histogram *histogram)
{
    char text[64];

    snprintf(text, sizeof text, "%-8s%8.0f%8.0f%8.0f%8.0f", name,
             (double)histogram_percentile_ns(histogram, 0.5) / 1e3,
             (double)histogram_percentile_ns(histogram, 0.9) / 1e3,
             (double)histogram_percentile_ns(histogram, 0.99) / 1e3,
             (double)histogram->max_ns / 1e3);
    draw_line(canvas, scale, number, color, text);
}

static void draw_table(const struct canvas *canvas, uint32_t scale, const struct report *report,
                       double fps)
{
    char text[80];

    snprintf(text, sizeof text, "%ux%u %s  %.1f fps  %s", report->format.width,
             report->format.height, format_name(report->format.fourcc).text, fps, report->way);
    draw_line(canvas, scale, 0, COLOR_TEXT, text);
    snprintf(text, sizeof text, "%" PRIu64 " shown %" PRIu64 " skipped %" PRIu64 " lost",
             report->shown, report_skipped(report), report->stats.lost);
    draw_line(canvas, scale, 1, COLOR_TEXT, text);
    draw_line(canvas, scale, 2, COLOR_FAINT, "us           p50     p90     p99     max");
    draw_stage(canvas, scale, 3, COLOR_RENDER, "render", &report->render);
    draw_stage(canvas, scale, 4, COLOR_HANDOFF, "handoff", &report->handoff);
    draw_stage(canvas, scale, 5, COLOR_PRESENT, "present", &report->present);
    draw_stage(canvas, scale, 6, COLOR_TEXT, "total", &report->total);
}

/* ------------------------------------------------------------------ strip */

enum { PARTS = 4 };

/* The parts of a bar from bottom to top, in the order of struct overlay_frame. */
static const struct {
    const char *name;
    uint32_t color;
} parts[PARTS] = {{"late ", COLOR_LATE},
                  {"render ", COLOR_RENDER},
                  {"handoff ", COLOR_HANDOFF},
                  {"present", COLOR_PRESENT}};

static int64_t total_ns(const struct overlay_frame *frame)
{
    return frame->late_ns + frame->render_ns + frame->handoff_ns + frame->present_ns;
}

static int count_longer(const struct overlay *overlay, int64_t ns)
{
    int count = 0;

    for (int i = 0; i < OVERLAY_FRAMES; i++)
        count += total_ns(&overlay->recent[i]) > ns;
    return count;
}

/*
 * What the height of the strip stands for: the smallest 1, 2 or 5 times a power of ten milliseconds
 * that at most one bar in 40 exceeds. Those few are cut off at the top, so that a single long bar
 * does not make all others too short to read.
 */
static int64_t full_scale_ns(const struct overlay *overlay)
{
    static const int64_t steps[] = {1, 2, 5};

    for (int64_t power_ns = NS_PER_MS;; power_ns *= 10)
        for (int i = 0; i < 3; i++)
            if (count_longer(overlay, steps[i] * power_ns) <= OVERLAY_FRAMES / 40)
                return steps[i] * power_ns;
}

/* The names of the stages in their colours, and what the height of the strip stands for. */
static void draw_legend(const struct canvas *canvas, uint32_t scale, int64_t full_ns)
{
    uint32_t x = MARGIN * scale, y = (MARGIN + 7 * FONT_HEIGHT) * scale;
    char text[32];

    for (int i = 0; i < PARTS; i++) {
        font_draw(canvas, (int32_t)x, (int32_t)y, scale, parts[i].color, parts[i].name);
        x += font_width(scale, parts[i].name);
    }
    snprintf(text, sizeof text, "  top: %lld ms", (long long)(full_ns / NS_PER_MS));
    font_draw(canvas, (int32_t)x, (int32_t)y, scale, COLOR_FAINT, text);
}

static void draw_strip(const struct canvas *canvas, uint32_t scale, const struct overlay *overlay)
{
    uint32_t top = (2 * MARGIN + LINES * FONT_HEIGHT) * scale, height = STRIP_HEIGHT * scale;
    int64_t full_ns = full_scale_ns(overlay);
    uint64_t count = overlay->frames < OVERLAY_FRAMES ? overlay->frames : OVERLAY_FRAMES;

    draw_legend(canvas, scale, full_ns);
    fill_box(canvas, MARGIN * scale, top, OVERLAY_FRAMES * BAR_WIDTH * scale, scale, COLOR_FAINT);
    fill_box(canvas, MARGIN * scale, top + height / 2, OVERLAY_FRAMES * BAR_WIDTH * scale, scale,
             COLOR_FAINT);
    for (uint64_t i = 0; i < count; i++) {
        const struct overlay_frame *frame =
            &overlay->recent[(overlay->frames - count + i) % OVERLAY_FRAMES];
        const int64_t parts_ns[PARTS] = {frame->late_ns, frame->render_ns, frame->handoff_ns,
                                         frame->present_ns};
        uint32_t x = (MARGIN + (uint32_t)(OVERLAY_FRAMES - count + i) * BAR_WIDTH) * scale;
        int64_t below_ns = 0;
        for (int part = 0; part < PARTS; part++) {
            uint32_t from = (uint32_t)(below_ns * height / full_ns);
            below_ns += parts_ns[part] > 0 ? parts_ns[part] : 0;
            uint32_t to = (uint32_t)(below_ns * height / full_ns);
            to = to > height ? height : to;
            fill_box(canvas, x, top + height - to, (BAR_WIDTH - 1) * scale,
                     to > from ? to - from : 0, parts[part].color);
        }
    }
}

const struct canvas *overlay_draw(struct overlay *overlay, const struct report *report, double fps,
                                  uint32_t scale)
{
    if (!make_canvas(overlay, scale))
        return NULL;
    fill_box(&overlay->canvas, 0, 0, overlay->canvas.width, overlay->canvas.height, COLOR_BACK);
    draw_table(&overlay->canvas, scale, report, fps);
    draw_strip(&overlay->canvas, scale, overlay);
    return &overlay->canvas;
}

void overlay_finish(struct overlay *overlay)
{
    free(overlay->canvas.pixels);
    overlay->canvas = (struct canvas){0};
}
