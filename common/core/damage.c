/* SPDX-License-Identifier: MIT */
/*
 * An entry of the history is guarded by its sequence. The producer stores 0 there, then the
 * rectangles, then the new sequence. A viewer loads the rectangles, then the sequence: if that is
 * the one that it requires, the rectangles are those of that frame.
 *
 *     producer                       viewer
 *     sequence = 0      relaxed      rectangles   acquire: pairs with the stores of rectangles
 *     rectangles        release      sequence     relaxed
 *     sequence = new    relaxed
 *
 * A viewer has loaded a `newest` that is not before the frame, so that it loads the rectangles of
 * that frame or of a later one. If it loads any of a later frame, it also sees the 0 stored before
 * it, or a later sequence. There is no fence, because ThreadSanitizer does not support them.
 */
#include "damage.h"

#include <stdatomic.h>

#include "fault.h"

struct damage {
    uint32_t count;
    struct pf_rect rect[PF_DAMAGE_MAX + 1]; /* one more, until two are united */
};

/* ------------------------------------------------------------------ rectangles */

static uint64_t pack(struct pf_rect rect)
{
    return (uint64_t)rect.x | (uint64_t)rect.y << 16 | (uint64_t)rect.width << 32 |
           (uint64_t)rect.height << 48;
}

/* The part of a side that starts at `at` and has this length, within `limit`. */
static uint16_t clamp_length(uint16_t at, uint16_t length, uint32_t limit)
{
    if (at >= limit)
        return 0;
    return length < limit - at ? length : (uint16_t)(limit - at);
}

/* From the segment: within the frame, whatever the word is. */
static struct pf_rect unpack(uint64_t word, const struct pf_format *format)
{
    struct pf_rect rect = {(uint16_t)word, (uint16_t)(word >> 16), (uint16_t)(word >> 32),
                           (uint16_t)(word >> 48)};

    rect.width = clamp_length(rect.x, rect.width, format->width);
    rect.height = clamp_length(rect.y, rect.height, format->height);
    return rect.width && rect.height ? rect : (struct pf_rect){0};
}

static int64_t area(struct pf_rect rect)
{
    return (int64_t)rect.width * rect.height;
}

/* The smallest rectangle that contains both. */
static struct pf_rect unite(struct pf_rect a, struct pf_rect b)
{
    uint16_t x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
    int right = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    int bottom = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;

    return (struct pf_rect){x, y, (uint16_t)(right - x), (uint16_t)(bottom - y)};
}

/* Add a rectangle. Unite two where that adds no pixel, and while there are more than
 * PF_DAMAGE_MAX, the two where it adds the fewest. */
static void add(struct damage *damage, struct pf_rect rect)
{
    if (!rect.width || !rect.height)
        return;
    damage->rect[damage->count++] = rect;
    while (damage->count > 1) {
        uint32_t first = 0, second = 1;
        int64_t least = INT64_MAX;

        for (uint32_t i = 0; i < damage->count; i++)
            for (uint32_t j = i + 1; j < damage->count; j++) {
                struct pf_rect a = damage->rect[i], b = damage->rect[j];
                int64_t added = area(unite(a, b)) - area(a) - area(b);
                if (added < least) {
                    least = added;
                    first = i;
                    second = j;
                }
            }
        if (damage->count <= PF_DAMAGE_MAX && least > 0)
            return;
        damage->rect[first] = unite(damage->rect[first], damage->rect[second]);
        damage->rect[second] = damage->rect[--damage->count];
    }
}

uint32_t damage_whole(const struct pf_frame *frame, struct pf_rect rects[PF_DAMAGE_MAX])
{
    rects[0] = (struct pf_rect){.width = (uint16_t)frame->format.width,
                                .height = (uint16_t)frame->format.height};
    return 1;
}

/* ------------------------------------------------------------------ producer */

const char *damage_check(const struct pf_frame *frame, const struct pf_format *format)
{
    if (frame->damage_count > PF_DAMAGE_MAX)
        return "damage_count";
    for (uint32_t i = 0; i < frame->damage_count; i++) {
        struct pf_rect rect = frame->damage[i];
        if ((uint32_t)rect.x + rect.width > format->width ||
            (uint32_t)rect.y + rect.height > format->height)
            return "damage";
    }
    return NULL;
}

void damage_store(struct segment *segment, const struct pf_frame *frame)
{
    struct layout_damage *entry = &segment->producer->history[frame->sequence % LAYOUT_HISTORY];

    atomic_store_explicit(&entry->sequence, 0, memory_order_relaxed);
    if (frame->damage_count)
        atomic_store_explicit(&entry->count, frame->damage_count, memory_order_release);
    else /* a viewer that loads 0 loads no rectangles */
        atomic_store_explicit(&entry->count, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < frame->damage_count; i++)
        atomic_store_explicit(&entry->rect[i], pack(frame->damage[i]), memory_order_release);
    FAULT_POINT(part_of_damage);
    atomic_store_explicit(&entry->sequence, frame->sequence, memory_order_relaxed);
}

/* ------------------------------------------------------------------ viewer */

/* The damage of one frame. Returns false if the whole frame has changed, or if the history no
 * longer contains it. */
static bool load(const struct segment *segment, uint64_t sequence, struct damage *damage)
{
    struct layout_damage *entry = &segment->producer->history[sequence % LAYOUT_HISTORY];

    if (!atomic_load_explicit(&entry->count, memory_order_relaxed))
        return false; /* whatever frame this is of, the whole frame is a valid answer */
    uint32_t count = atomic_load_explicit(&entry->count, memory_order_acquire);
    if (count < 1 || count > PF_DAMAGE_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        damage->rect[i] = unpack(atomic_load_explicit(&entry->rect[i], memory_order_acquire),
                                 &segment->geometry.format);
    damage->count = count;
    return atomic_load_explicit(&entry->sequence, memory_order_relaxed) == sequence;
}

void damage_load(const struct segment *segment, struct pf_frame *frame)
{
    struct damage damage;

    frame->damage_count = 0;
    if (!load(segment, frame->sequence, &damage))
        return;
    for (uint32_t i = 0; i < damage.count; i++)
        frame->damage[i] = damage.rect[i];
    frame->damage_count = damage.count;
}

uint32_t damage_since(const struct segment *segment, const struct pf_frame *frame, uint64_t seen,
                      struct pf_rect rects[PF_DAMAGE_MAX])
{
    struct damage one, all = {0};

    if (seen == frame->sequence)
        return 0;
    if (!seen || seen > frame->sequence || frame->sequence - seen > LAYOUT_HISTORY)
        return damage_whole(frame, rects);
    for (uint64_t sequence = seen + 1; sequence <= frame->sequence; sequence++) {
        if (!load(segment, sequence, &one))
            return damage_whole(frame, rects);
        for (uint32_t i = 0; i < one.count; i++)
            add(&all, one.rect[i]);
    }
    for (uint32_t i = 0; i < all.count; i++)
        rects[i] = all.rect[i];
    return all.count;
}
