/*
 * shell.h: what stands around an engine, so that it can be in a world with threads: a queue of
 * events, dealt with one at a time by whoever posts one; the timer; the observers. Floor 5: the
 * fronts, supervisor.c and tree.c.
 *
 * The shell has no thread and no stack. Who posts an event while nobody serves the queue becomes
 * the server: deals with it, carries out what the engine says, and so on until the queue is empty.
 * Others meanwhile leave theirs there and go. So an event costs no switch and no wake-up, and a
 * worker that is busy holds up nobody but itself. In the service nothing waits, and the program's
 * code runs only where contexts end (callbacks) and lines are logged.
 */
#ifndef LIFECYCLE_SUPERVISE_SHELL_H
#define LIFECYCLE_SUPERVISE_SHELL_H

#include "context/owner.h"
#include "executor/timers.h"
#include "supervise/ended.h"
#include "supervise/engine.h"
#include "supervise/observer.h"
#include "wait/handle.h"

#include <lifecycle/context.h>
#include <lifecycle/manager.h>

#include <stdatomic.h>

struct lc__clock;
struct lc__task;
struct lc__shell;

/* An event on its way: part of what it is about, which lives until it is dealt with. */
struct lc__post {
    struct lc__post *next; /* the one posted before */
    /* In the service; `post` may be freed. */
    void (*deal)(struct lc__shell *shell, struct lc__post *post);
};

/* What a front does. All of it in the service. */
struct lc__shell_front {
    void (*act)(struct lc__shell *shell, const struct lc__engine_action *action);
    const char *(*name_of)(struct lc__engine_node *node);
    bool ready_when_good; /* it is ready once all components are ready or done */
    /* Whether observers are told of this state. */
    bool (*shows)(lc_node_state state);
    /*
     * A deadline may be over: called before that is dealt with, by the timer, outside the service.
     * NULL: nothing is to be done.
     */
    void (*look_ahead)(struct lc__shell *shell);
    /* The engine has finished: once. Nothing more is carried out. */
    void (*finished)(struct lc__shell *shell);
    /* The last reference is gone. */
    void (*destroy)(struct lc__shell *shell);
};

struct lc__shell {
    atomic_uint refs;
    /* What is posted, the last first; or that nobody serves, or that somebody does: shell.c. */
    _Atomic(struct lc__post *) mail;
    _Atomic(struct lc__task *) server; /* who serves; compared with oneself only */
    const struct lc__shell_front *front;
    struct lc__clock *clock; /* on which its deadlines lie: its starter's */
    lc_executor *executor;   /* of fibers that ask for none: its starter's; NULL: the default */
    char name[LC_NAME_MAX + 1];
    char *path; /* through all that it lies in, outer/inner; set by the start; NULL: its name */

    /* In the service only. */
    struct lc__engine engine;
    LIST_HEAD(, lc_observer) observers;
    struct lc__ended *ended; /* what snapshots show of temporary nodes that are forgotten */
    lc_context *above;       /* what it was started with; held; NULL: none */
    lc_context *context;     /* above those of all instances; held; ended when all is over */
    lc_error *stop;    /* by which all are cancelled, of the engine's reason; NULL: not yet made */
    int64_t armed_for; /* when the timer fires at the latest; LC_FOREVER: it is not armed */
    bool started;      /* from here until it is over it has a reference to itself */
    bool told_stopping;
    bool told_halting;
    bool over;
    bool holds_timers; /* the thread that fires its timer, from its start until it is over */
    bool acting;       /* what the engine says is being carried out */

    struct lc__waiter above_ended;
    struct lc__post above_ended_post;
    struct lc__timer timer;
    struct lc__post timer_post;
    atomic_bool timer_posted; /* the post is in the queue */

    lc_handle ready;
    lc_handle done;
};

/* Begins a shell, with one reference, in its front's zeroed memory. */
void lc__shell_init(struct lc__shell *shell, const struct lc__shell_front *front, const char *name);
/* Ends it, for its front's destroy. */
void lc__shell_end(struct lc__shell *shell);
struct lc__shell *lc__shell_ref(struct lc__shell *shell);
void lc__shell_unref(struct lc__shell *shell);

/*
 * Posts an event. The caller has a reference. From any thread, with no lock held; its own stack may
 * have to serve.
 */
void lc__shell_post(struct lc__shell *shell, struct lc__post *post);
/*
 * Has `function(shell, arg)` called in the service, and waits for that. Also from within it; what
 * comes of it is then carried out after what is being carried out.
 */
void lc__shell_call(struct lc__shell *shell, void (*function)(struct lc__shell *shell, void *arg),
                    void *arg);
/*
 * The same, for looking at a shell that lies in another: a caller that serves another shell does
 * not wait, since the one that serves this shell may in turn wait for the other.
 * @return false if `function` was not called.
 */
bool lc__shell_ask(struct lc__shell *shell, void (*function)(struct lc__shell *shell, void *arg),
                   void *arg);
/*
 * Whether the caller is within the service: nothing of this shell goes on before the caller does.
 */
bool lc__shell_serves(struct lc__shell *shell);
/* Whether the caller is within the service of a shell that is part of what the owner owns. */
bool lc__shell_serves_part_of(const struct lc__owner *owner);
/* The same of a shell that lies inside this one. */
bool lc__shell_serves_inside(const struct lc__shell *whole);

/*
 * Gets the thread that fires the shell's timer, so that neither a pause nor a deadline can fail
 * later. In the service; if it succeeds, lc__shell_start follows. @return NULL; -EAGAIN, -ENOMEM.
 */
lc_error *lc__shell_prepare(struct lc__shell *shell);
/*
 * Makes it begin, in the service: it takes over the caller's clock and is cancelled when `above`
 * ends. `context`: above all instances, taken over. `is_part`: it is the component of the owner of
 * `above`, and has the owner's name. An engine that has nothing to do may finish right after this.
 */
void lc__shell_start(struct lc__shell *shell, lc_context *above, lc_context *context, bool is_part);
/* Cancels what is below the context, for the reason for which everything is stopped, if it is. */
void lc__shell_cancel(struct lc__shell *shell, lc_context *context);
/* Looks whether what is above has ended, before an event is dealt with that may come of it. */
void lc__shell_look_above(struct lc__shell *shell);

/* The shell's path through all that it lies in: outer/inner. Lives as long as the shell. */
const char *lc__shell_own_path(const struct lc__shell *shell);
/*
 * The shell's path, or with a name the path of that node or runnable: for messages. Written into
 * `path`, which is returned.
 */
const char *lc__shell_path(const struct lc__shell *shell, const char *name,
                           char path[LC__PATH_SIZE]);
/*
 * A shell that has finished tells what it has ended by to the signaler above it, unless it is that
 * context's own error; it logs it if there is no signaler. To a node without a handler it says as
 * well what is to be done: what was done below.
 */
void lc__shell_report(struct lc__shell *shell);

/* Whether more has been posted; in the service. */
bool lc__shell_has_mail(struct lc__shell *shell);

#endif
