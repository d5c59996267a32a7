/* SPDX-License-Identifier: MIT */
/*
 * A presenter shows frames on an output: a window, a file, or nothing.
 *
 * To add one: write one file with a `const struct presenter_ops` at its end, list that file in
 * meson.build, and add one line to PRESENTER_TABLE below, which --help prints. null.c is the
 * smallest presenter, and a good start.
 *
 * The calls of a presenter, in this order, all from one thread:
 *
 *   supports? open
 *     ( ready? show | poll | wait | set_status | freeze ...
 *       detach -> the viewer joins another segment -> supports? attach )
 *   close
 *
 * Between detach and attach only poll, set_status and close are called.
 *
 * A presenter owns each frame that show() or freeze() gets, and releases it with
 * pf_viewer_release() as soon as nothing reads its slot any more, because the producer cannot draw
 * in a slot that is held. The result of showing a frame is reported later, by poll().
 *
 * Between attach and detach only wait() may block, and what sends pixels through a connection. What
 * calls into a display's library must be bounded in time: see watchdog.h.
 */
#ifndef VIEWER_PRESENTERS_PRESENTER_H
#define VIEWER_PRESENTERS_PRESENTER_H

#include "media/background.h"
#include "pageflip.h"

/* How to open a presenter. */
struct presenter_config {
    const char *name; /* of PRESENTER_TABLE, or "auto" */
    bool vsync;       /* true: tear-free; false: lowest latency */
    bool may_skip;    /* a newer frame may replace one that waits for the display */
    bool fullscreen;
    uint32_t scale;               /* initial window size = frame size * scale; 0: fit the screen */
    struct background background; /* of transparent pixels */
};

struct canvas;

/* The result of showing a frame. */
struct presented {
    struct pf_frame frame; /* its sequence and times; its pixels must not be read any more */
    bool skipped;          /* it was not shown: the display took a newer one, or failed */
    bool again;            /* it was shown before: do not count it */
    int64_t submit_ns;     /* when it was given to the display */
    int64_t done_ns;       /* when the display had read the slot and drawn the frame */
    int64_t ust_ns;        /* when the display started to show it; 0: not reported */
    uint32_t user_copies;  /* whole-frame copies and conversions made by this process */
};

/* What the user asks for in the window. */
enum command {
    COMMAND_NONE,
    COMMAND_QUIT,
    COMMAND_PAUSE,
    COMMAND_SNAPSHOT,
    COMMAND_REDRAW, /* the window lost its content: show the latest frame again */
};

struct presenter {
    const struct presenter_ops *ops;
    struct pf_viewer *viewer; /* whose frames are shown and released */
    uint32_t overlay_scale;   /* requested overlay scale, set by poll(); 0: hidden */
    const char *way; /* for the report: "x11-present", "x11-putimage", "sdl-texture", "null", ... */
    bool has_vsync;  /* frames are shown without tearing */
};

struct presenter_ops {
    const char *name, *summary; /* for --presenter and --help */
    bool is_for_auto;           /* false: only when requested by name */

    /*
     * Can this presenter show frames of the format at all? Called before open() and attach(), which
     * check whether this display can show them.
     */
    bool (*supports)(const struct pf_format *format);

    /*
     * Create the presenter, with a window for the frames of the viewer's segment, ready for show().
     * Sets `ops`, `viewer` and `way`. May wait for the display.
     *
     * Returns 0 and *presenter, to be closed by close(), or
     *   -ENOTSUP   it cannot work on this display: *reason is a text like "the display has no
     *              MIT-SHM extension", valid until the next open(). Not logged as an error, since
     *              `auto` then tries the next presenter
     * or another negative errno, logged. On failure nothing is left open.
     */
    int (*open)(struct presenter **presenter, const struct presenter_config *config,
                struct pf_viewer *viewer, const char **reason);

    /*
     * The viewer is about to leave its segment: release all frames and stop using its memory. The
     * window keeps its content. May wait up to 200 ms for the display.
     */
    void (*detach)(struct presenter *presenter);

    /*
     * The viewer has joined a segment, perhaps of another size or format: get ready to show its
     * frames. Called through presenter_attach(). May wait for the display. Returns 0, or -ENODEV,
     * logged: this display cannot show them, or is lost.
     */
    int (*attach)(struct presenter *presenter);

    /* Can show() take a frame now? False while the display is busy with earlier frames. */
    bool (*ready)(const struct presenter *presenter);

    /*
     * Show `frame`; only called when ready(). `again`: it was shown before, and the window lost its
     * content. The presenter owns the frame from here on, even on failure. Does not wait for the
     * display, except for its connection where it sends the pixels. Returns 0, or -ENODEV, logged:
     * the display is lost.
     *
     * A frame is never reported as shown if it was not: if the display fails to draw it, show()
     * returns 0, and poll() reports it as skipped.
     */
    int (*show)(struct presenter *presenter, const struct pf_frame *frame, bool again);

    /*
     * Show `frame` and keep showing it, from a copy of the presenter's own, until freeze(NULL). The
     * presenter owns the frame, and releases the slot as soon as it is copied; poll() does not
     * report the frame, or reports it with `again`. Returns like show(). A presenter without
     * freeze() has an output that keeps its content without help.
     */
    int (*freeze)(struct presenter *presenter, const struct pf_frame *frame);

    /*
     * Process what the display has sent. Never waits. Sets *command in every case, and
     * overlay_scale. Call it again until it returns 0 and COMMAND_NONE.
     *
     * Returns 1 and *done for the next frame that the display is done with, 0 if there is none, or
     * -ENODEV, logged: the display is lost.
     */
    int (*poll)(struct presenter *presenter, struct presented *done, enum command *command);

    /*
     * Sleep until poll() may have something to report, a signal arrives, or `timeout_ns` has
     * passed. Called while no new frame can be shown, so new frames need not end it. NULL: the
     * loop calls poll() every 100 ms instead.
     */
    void (*wait)(struct presenter *presenter, int64_t timeout_ns);

    /*
     * Set the window's title (NULL: unchanged), and the overlay that is drawn over all frames from
     * now on (NULL: none). The canvas is only valid during the call. NULL: there is no window.
     */
    void (*set_status)(struct presenter *presenter, const char *title,
                       const struct canvas *overlay_canvas);

    /*
     * Release all frames, close the window, free the presenter. May wait up to 200 ms for the
     * display. Not called after -ENODEV from a running presenter: a call into a lost display may
     * hang, so the process exits instead.
     */
    void (*close)(struct presenter *presenter);
};

/* The table of presenters: one line each. `sdl` stands for presenter_sdl_ops, at the end of its
 * file. `auto` tries them in this order. */
#ifdef HAVE_X11
#define X11_PRESENTERS(presenter) presenter(x11) presenter(x11_put) presenter(x11_send)
#else
#define X11_PRESENTERS(presenter)
#endif
/* clang-format off */
#define PRESENTER_TABLE(presenter) \
    X11_PRESENTERS(presenter)      \
    presenter(sdl)                 \
    presenter(null)
/* clang-format on */

#define PRESENTER_DECLARE(name) extern const struct presenter_ops presenter_##name##_ops;
PRESENTER_TABLE(PRESENTER_DECLARE)

/*
 * Open the presenter that the config names; "auto": the first of the table that is for auto,
 * supports the format and works on this display. Returns 0, or -ENODEV, logged: there is none, or
 * another negative errno, logged.
 */
int presenter_open(struct presenter **presenter, const struct presenter_config *config,
                   struct pf_viewer *viewer);

/* attach(), after a check that the presenter supports the new format. Returns like attach(). */
int presenter_attach(struct presenter *presenter);

bool presenter_exists(const char *name);
void presenter_print_table(void); /* one line each, for --help */

#endif
