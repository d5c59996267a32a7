/* SPDX-License-Identifier: MIT */
/*
 * A presenter is a way to put frames before people. Each is one file with one `const struct
 * presenter_ops` at its end, and one line in the table in presenter.c, which --help prints.
 *
 * A presenter gets acquired frames and lets go of each by itself, as soon as nobody reads its slot
 * any more. It tells what became of it with poll().
 */
#ifndef PRESENTER_H
#define PRESENTER_H

#include "pageflip.h"

/* What a presenter is opened with. */
struct presenter_config {
    const char *name; /* of the table in presenter.c, or "auto" */
    bool vsync;       /* true: tear-free; false: lowest latency */
    bool may_skip;    /* a newer frame may replace one that waits for the display */
    bool fullscreen;
    uint32_t scale; /* initial window size = frame size * scale; 0: fit the screen */
};

struct canvas;

/* What became of a frame. */
struct presented {
    struct pf_frame frame; /* for its sequence and times; its pixels are gone */
    bool skipped;          /* the display passed it over for a newer one */
    bool again;            /* it was shown before: do not count it */
    int64_t submit_ns;     /* when it was given to the display */
    int64_t done_ns;       /* when the display was done with the slot */
    int64_t ust_ns; /* when the display says that it started to show it; 0: it says nothing */
    uint32_t
        user_copies; /* whole-frame copies that this process made, counted where each is made */
};

/* What people want, from the window. */
enum command {
    COMMAND_NONE,
    COMMAND_QUIT,
    COMMAND_PAUSE,
    COMMAND_SNAPSHOT,
    COMMAND_REDRAW, /* the window lost its picture: show the newest once more */
};

struct presenter {
    const struct presenter_ops *ops;
    struct pf_viewer *viewer; /* whose frames are shown and released */
    uint32_t overlay_scale;   /* people want the panel (panel.h), so large; 0: they do not */
    const char *way; /* for the report: "x11-present", "x11-putimage", "sdl-surface", "null", ... */
};

struct presenter_ops {
    const char *name, *summary;
    bool is_for_auto; /* false: only when asked for by its name */

    /*
     * Open a window for the frames of viewer's segment. Quiet about why it cannot, but for
     * log_info(): `auto` goes on to the next presenter. `reason` gets the words for that ("the
     * display has no MIT-SHM extension"). Returns 0, or -ENOTSUP (it cannot work here, *reason says
     * why), or another negative errno, logged.
     */
    int (*open)(struct presenter **presenter, const struct presenter_config *config,
                struct pf_viewer *viewer, const char **reason);

    /*
     * The viewer is about to leave its segment: let go of everything of it, releasing the frames.
     */
    void (*detach)(struct presenter *presenter);

    /* The viewer is in a new segment: get ready to show its frames. Returns 0 or a negative errno,
     * logged. */
    int (*attach)(struct presenter *presenter);

    /* Can it take a frame now? False while the display is busy with the ones before. */
    bool (*ready)(const struct presenter *presenter);

    /*
     * Show `frame`; `again`: it was shown before (redraw). The presenter owns the frame from here
     * on, success or not, and releases it. Never waits for the display. Returns 0, or -ENODEV
     * (display lost), logged.
     */
    int (*show)(struct presenter *presenter, const struct pf_frame *frame, bool again);

    /*
     * Show `frame` and keep showing its picture without keeping its slot, which is released at once
     * or soon. NULL: go on. NULL as verb: there is nothing to keep. Returns as show().
     */
    int (*freeze)(struct presenter *presenter, const struct pf_frame *frame);

    /*
     * The next frame that is done with, and the next thing that people want. Returns 1 and *done, 0
     * when there is none now, or -ENODEV (display lost), logged. *command is set every time.
     */
    int (*poll)(struct presenter *presenter, struct presented *done, enum command *command);

    /*
     * Nothing to show now: sleep until poll() may have something, up to `timeout_ns`, or a signal.
     * New frames do not end it. NULL as verb: nothing of the display's can come by itself.
     */
    void (*wait)(struct presenter *presenter, int64_t timeout_ns);

    /* A title (NULL: as it is), and the panel to lay over the picture from now on; NULL: none. The
     * canvas is only read until the next call. NULL as verb: there is no window. */
    void (*set_status)(struct presenter *presenter, const char *title,
                       const struct canvas *overlay_canvas);

    /* Wait up to 200 ms for what is outstanding, release it, close the window. After -ENODEV: touch
     * no display any more. */
    void (*close)(struct presenter *presenter);
};

extern const struct presenter_ops presenter_x11_ops, presenter_x11_put_ops, presenter_sdl_ops,
    presenter_null_ops;

/*
 * Open the presenter that the config names; `auto`: the first of the table that is for it and works
 * here. Returns 0, or -ENODEV, logged, when there is none.
 */
int presenter_open(struct presenter **presenter, const struct presenter_config *config,
                   struct pf_viewer *viewer);

bool presenter_exists(const char *name);
void presenter_print_table(void); /* one line each, for --help */

#endif
