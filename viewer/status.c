/* SPDX-License-Identifier: MIT */
/*
 * The loop calls status_update() in every turn, and nearly always it only compares times. Drawing
 * and sending an overlay takes 1 to 2 ms, and a title takes several requests to the display.
 */
#include "status.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"

#define MEASURE_NS (NS_PER_S / 2)
#define UPDATE_NS (NS_PER_S / 2)
#define NOTE_NS (3 * NS_PER_S)
#define SILENCE_NS (5 * NS_PER_S)

void status_init(struct status *status, int64_t now_ns)
{
    *status =
        (struct status){.measured_ns = now_ns, .updated_ns = now_ns, .silent_since_ns = now_ns};
}

void status_finish(struct status *status)
{
    overlay_finish(&status->overlay);
}

void status_add_frame(struct status *status, const struct presented *done)
{
    histogram_record(&status->recent, report_total_ns(done));
    overlay_add(&status->overlay, done);
}

void status_restart_silence(struct status *status, int64_t since_ns)
{
    status->silent_since_ns = since_ns;
    status->has_warned = false;
}

void status_show_saved(struct status *status, const char *path)
{
    snprintf(status->note, sizeof status->note, " - saved %s", path);
    status->note_end_ns = clock_now_ns() + NOTE_NS;
}

void status_invalidate(struct status *status)
{
    status->updated_ns = 0;
}

static void measure(struct status *status, const struct report *report, int64_t now_ns)
{
    status->fps = (double)(report->shown - status->measured_shown) * 1e9 /
                  (double)(now_ns - status->measured_ns);
    status->ms = (double)histogram_percentile_ns(&status->recent, 0.5) / 1e6;
    status->measured_ns = now_ns;
    status->measured_shown = report->shown;
    memset(&status->recent, 0, sizeof status->recent);
}

static void describe_state(const struct status *status, enum status_state state,
                           struct pf_viewer *viewer, char *text, size_t bytes)
{
    enum pf_state producer;

    switch (state) {
    case STATUS_SHOWING:
        snprintf(text, bytes, "%.1f fps - %.2f ms", status->fps, status->ms);
        break;
    case STATUS_PAUSED:
        producer = pf_viewer_state(viewer);
        snprintf(text, bytes, "paused%s",
                 producer == PF_ENDED || producer == PF_CRASHED ? ", producer exited" : "");
        break;
    case STATUS_WAITING: snprintf(text, bytes, "waiting for a producer"); break;
    }
}

static void set_title_and_overlay(struct status *status, enum status_state state,
                                  struct presenter *presenter, struct report *report,
                                  int64_t now_ns)
{
    char text[64], title[sizeof status->title];
    const struct canvas *canvas = NULL;

    status->updated_ns = now_ns;
    status->overlay_scale = presenter->overlay_scale;
    if (!presenter->ops->set_status)
        return;
    describe_state(status, state, presenter->viewer, text, sizeof text);
    snprintf(title, sizeof title, "pageflip %s - %ux%u - %s%s", report->channel,
             report->format.width, report->format.height, text,
             status->note_end_ns > now_ns ? status->note : "");
    bool is_new_title = strcmp(title, status->title) != 0;
    strcpy(status->title, title);
    pf_viewer_stats(presenter->viewer, &report->stats);
    if (status->overlay_scale)
        canvas = overlay_draw(&status->overlay, report, status->fps, status->overlay_scale);
    presenter->ops->set_status(presenter, is_new_title ? title : NULL, canvas);
}

void status_update(struct status *status, enum status_state state, struct presenter *presenter,
                   struct report *report, int64_t now_ns)
{
    if (now_ns - status->measured_ns >= MEASURE_NS)
        measure(status, report, now_ns);
    if (now_ns - status->updated_ns >= UPDATE_NS ||
        presenter->overlay_scale != status->overlay_scale)
        set_title_and_overlay(status, state, presenter, report, now_ns);
    if (state != STATUS_SHOWING) {
        status->silent_since_ns = now_ns;
    } else if (!status->has_warned && now_ns - status->silent_since_ns >= SILENCE_NS) {
        log_warning("channel \"%s\": producer (pid %d) is running but has sent nothing for 5 s",
                    report->channel, (int)pf_viewer_segment(presenter->viewer)->producer_pid);
        status->has_warned = true;
    }
}
