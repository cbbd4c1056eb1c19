/*
 * shell.h: lets threads use an engine, which knows none: a queue of events, a timer, observers.
 * Floor 5: used by the fronts, which are the supervisor and the tree, and by their parts. shell.c
 * says how it works.
 *
 * The *serving task* is the task that applies the events of the queue, one at a time. All fields of
 * a shell that are not atomic belong to it, and so do the engine, the nodes and the runnables. A
 * function that is listed below as one for the serving task is called by no other.
 */
#ifndef LIFECYCLE_SUPERVISE_SHELL_H
#define LIFECYCLE_SUPERVISE_SHELL_H

#include "base/assert.h"
#include "base/container.h"
#include "context/owner.h"
#include "executor/timers.h"
#include "supervise/ended.h"
#include "supervise/engine.h"
#include "supervise/observer.h"
#include "wait/handle.h"

#include <lifecycle/component.h>
#include <lifecycle/executor.h>

#include <stdatomic.h>

struct lc__clock;
struct lc__task;
struct lc__shell;

/* An event in the queue. It is part of the object that it is about, which keeps it until then. */
struct lc__shell_event {
    struct lc__shell_event *next; /* the event that was posted before */
    /* Called once, by the serving task. The function may free the event. */
    void (*apply)(struct lc__shell *shell, struct lc__shell_event *event);
};

/* Where a supervisor and a tree differ. The serving task calls it, unless said otherwise. */
struct lc__shell_front {
    void (*act)(struct lc__shell *shell, const struct lc__engine_action *action);
    bool ready_when_good; /* the shell is ready once all components are ready or done */
    /* Whether observers are told of the state. */
    bool (*shows)(lc_node_state state);
    /* Called by the timer before a deadline is applied, by a task that does not serve. Optional. */
    void (*look_ahead)(struct lc__shell *shell);
    /* Called once, when the engine has finished. */
    void (*finished)(struct lc__shell *shell);
    /* Called by the task that gives the last reference back. */
    void (*destroy)(struct lc__shell *shell);
};

struct lc__shell {
    lc_component component; /* first; a supervisor and a tree can be used as components */
    atomic_uint refs;
    _Atomic(struct lc__shell_event *) queue; /* IDLE, BUSY, or the last event: see shell.c */
    _Atomic(struct lc__task *) server;       /* the serving task; each task looks for itself only */
    const struct lc__shell_front *front;
    struct lc__clock *clock; /* of all deadlines: that of the task which started the shell */
    lc_executor *executor;   /* for fibers without one: that of the starting fiber; NULL: default */
    char name[LC_NAME_MAX + 1];
    char *path; /* outer/inner; made by the start. NULL: the name */

    /* Of the serving task. */
    struct lc__engine engine;
    struct lc__observers observers;
    struct lc__ended *ended; /* what snapshots show of temporary nodes that are forgotten */
    lc_context *above;       /* the context of the start; held; NULL: none */
    lc_context *context;     /* above those of all instances; held; ended when all is over */
    lc_error *stop;          /* the cancellation for the engine's reason; NULL: not made yet */
    int64_t armed_for;       /* the timer fires then or earlier; LC_FOREVER: it is not armed */
    bool started;            /* until it is over, a started shell holds a reference to itself */
    bool told_stopping;      /* observers know that everything stops */
    bool told_halting;       /* observers know that a halt follows */
    bool over;
    bool holds_timers; /* holds the thread that fires the timer: from the start until it is over */
    bool acting;       /* carries out the engine's actions */

    struct lc__waiter above_ended;
    struct lc__shell_event above_ended_event;
    struct lc__timer timer;
    struct lc__shell_event timer_event;
    atomic_bool timer_posted; /* the timer's event is in the queue */

    lc_handle ready;
    lc_handle done;
};

/* Begins a shell with one reference, in zeroed memory of its front. */
void lc__shell_init(struct lc__shell *shell, const struct lc__shell_front *front, const char *name);
/* Ends the shell; for the `destroy` of its front. */
void lc__shell_end(struct lc__shell *shell);
struct lc__shell *lc__shell_ref(struct lc__shell *shell);
void lc__shell_unref(struct lc__shell *shell);

/* ---- for any task; the caller holds a reference, and no lock ---- */

/* Posts an event. The calling task may become the serving task, on its own stack. */
void lc__shell_post(struct lc__shell *shell, struct lc__shell_event *event);
/*
 * Has `function(shell, arg)` called by the serving task, and waits for that. Also for the serving
 * task itself: then what comes of the call is carried out after the present action.
 */
void lc__shell_call(struct lc__shell *shell, void (*function)(struct lc__shell *shell, void *arg),
                    void *arg);
/*
 * The same, to look at a shell that lies in another one. A task that serves another shell does not
 * wait, since the task that serves this one may in turn wait for the other shell.
 * @return false if `function` was not called.
 */
bool lc__shell_ask(struct lc__shell *shell, void (*function)(struct lc__shell *shell, void *arg),
                   void *arg);
/* Whether the calling task serves the shell: no event of the shell is applied before it returns. */
bool lc__shell_serves(struct lc__shell *shell);
/* Whether the calling task serves a shell that is part of what the owner owns. */
bool lc__shell_serves_part_of(const struct lc__owner *owner);
/* Whether the calling task serves a shell that lies inside this one. */
bool lc__shell_serves_inside(const struct lc__shell *whole);

/* The functions of a component that begins with a shell. */
lc_handle *lc__shell_component_ready(lc_component *component);
lc_handle *lc__shell_component_done(lc_component *component);
void lc__shell_component_destroy(lc_component *component);
const char *lc__shell_component_name(lc_component *component);

/* The shell's path through the owners above it: outer/inner. It lives as long as the shell. */
const char *lc__shell_own_path(const struct lc__shell *shell);
/*
 * For messages: that path, followed by the name of a node or runnable unless it is NULL.
 * @return `path`.
 */
const char *lc__shell_path(const struct lc__shell *shell, const char *name,
                           char path[LC__PATH_SIZE]);

/* ---- for the serving task ---- */

/*
 * Starts the shell: it takes over the caller's clock, and holds the thread of its timer, so that no
 * pause and no deadline can fail later. `context` lies above all instances and is taken over; NULL:
 * there was no memory for it. `is_part`: the shell is the component of the owner of `above` and has
 * its name. lc__shell_look_above() follows.
 * @return NULL; -EAGAIN, -ENOMEM: the shell has not started.
 */
lc_error *lc__shell_start(struct lc__shell *shell, lc_context *above, lc_context *context,
                          bool is_part);
/* The error of a second start. */
lc_error *lc__shell_error_started(const struct lc__shell *shell);
/* Tells the engine that the context above has ended, if it has. */
void lc__shell_look_above(struct lc__shell *shell);
/* Cancels the context, for the reason for which everything stops. */
void lc__shell_cancel(struct lc__shell *shell, lc_context *context);
/*
 * Reports the error by which a finished shell has ended to the signaler above, unless it is the
 * error of that context; without a signaler it is logged. A node above without a judge also learns
 * the behavior by which the shell has ended.
 */
void lc__shell_report(struct lc__shell *shell);
/* Whether more events are in the queue. */
bool lc__shell_has_events(struct lc__shell *shell);

#endif
