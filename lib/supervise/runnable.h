/*
 * runnable.h: a runnable of a tree, and its runs. A *run* is one instance of a runnable: one call
 * of its function, from start to end. Floor 5: request.c, runnable_calls.c, children.c, tree_....c.
 */
#ifndef LIFECYCLE_SUPERVISE_RUNNABLE_H
#define LIFECYCLE_SUPERVISE_RUNNABLE_H

#include "base/log_repeated.h"
#include "base/refs.h"
#include "base/spin.h"
#include "context/owner.h"
#include "context/worker.h"
#include "executor/busy.h"
#include "supervise/child.h"
#include "supervise/ended.h"
#include "supervise/launch.h"
#include "supervise/shell.h"

#include <lifecycle/tree.h>

#include <bsd/sys/tree.h>

/* A name that is taken below a runnable: by a child, or by a log. */
struct lc__taken {
    RB_ENTRY(lc__taken) link;
    const char *name;
};

RB_HEAD(lc__taken_names, lc__taken);

/*
 * What children share that were added together, or have one description. Freed with the last of
 * them, and of the descriptions that can add more.
 */
struct lc__child_group {
    atomic_uint refs;
    struct lc__engine_group engine; /* unused if each child is in a group by itself */
    struct lc__engine_intensity intensity;
    struct lc__engine_significance significance;
    bool one_for_one; /* each child is in a group by itself */
};

struct lc__runnable {
    /* Written by lc__runnable_new() only. */
    struct lc__engine_node engine; /* first; of the serving task. Its name is owned: root.a.b */
    struct lc__shell *shell;
    struct lc__child_group *group; /* held */
    lc_runnable run;
    void *arg;
    struct lc__launch launch; /* of its runs; the executor may still be set before it is added */

    /* Of the serving task. */
    struct lc__runnable *parent;   /* NULL: the root, or not added yet */
    struct lc__engine_group alone; /* the group of a runnable that is in one by itself */
    struct lc__taken taken;        /* among the names of the parent */
    struct lc__taken_names names;  /* of its children and logs */
    struct lc__run *last;          /* the present run, or the last; held. NULL: none yet */
    unsigned starts_without_task;  /* in a row */
    struct lc__log_repeated death_lines, pause_lines, ready_lines, late_lines;
    size_t index;            /* among the nodes, while a snapshot is taken */
    struct lc__ended *ended; /* what snapshots show of temporary children that are forgotten */
};

/* What a run has signalled. */
enum lc__run_signal { LC__RUN_NEW, LC__RUN_HEALTHY, LC__RUN_DONE };

/* One run. The run's context holds it, and it holds the context: lc__runnable_let_go(). */
struct lc__run {
    /* Written before the run starts. */
    struct lc__owner owner; /* first */
    atomic_uint refs;
    struct lc__shell *shell; /* held */
    uint64_t number;
    lc_context *context; /* with the signaler; held. Above the contexts of the children */
    struct lc__worker_call call;
    struct lc__shell_event ended;
    bool may_return; /* to return NULL without signalling done is no error */

    /* Of the serving task, and of the run's own task until its end. NULL: it has ended. */
    struct lc__runnable *of;
    lc_error *returned;         /* of the run's task, until its end */
    bool threw_clean;           /* `thrown` answers the end of the context; read after `thrown` */
    char *backtrace;            /* of `thrown`; read if died_of_throw. NULL: none */
    _Atomic(lc_error *) thrown; /* the first error thrown */

    /* Of the serving task. */
    bool died_of_throw;
    enum lc__run_signal signalled;
    struct lc__sublog *logs;
    int64_t told_at;      /* when the context was cancelled; 0: it was not */
    struct lc__busy busy; /* since the run last waited */
    unsigned long parks;  /* how often it had waited then */

    struct lc__spinlock lock; /* for `task` */
    struct lc__task *task;    /* the run's task; NULL: not yet, or no longer */
    const char *name;         /* root.a.b: the end of the path */
    char path[];              /* of the owner */
};

static inline struct lc__runnable *lc__runnable_of(struct lc__engine_node *node)
{
    return (struct lc__runnable *)node;
}

/* Makes what children share, with one reference. NULL: no memory. */
struct lc__child_group *lc__child_group_new(const lc_child_group *options);
void lc__child_group_unref(struct lc__child_group *group);

/*
 * Makes a runnable of checked options, in the group, below the runnable of the name `parent`; NULL:
 * the runnable is the root. @return NULL: no memory.
 */
struct lc__runnable *lc__runnable_new(struct lc__shell *shell, const char *parent,
                                      const struct lc__child *child, struct lc__child_group *group);
/* For the serving task, if the runnable has a parent. */
void lc__runnable_free(struct lc__runnable *runnable);

/* The nearest run upward from the context. Borrowed. NULL: there is none. */
struct lc__run *lc__run_of(const lc_context *context);

struct lc__run *lc__run_ref(struct lc__run *run);
/* Does nothing for NULL. */
void lc__run_unref(struct lc__run *run);

/* ---- for the serving task ---- */

/* Carry out LC__START and LC__CANCEL. */
void lc__runnable_start(struct lc__runnable *runnable);
void lc__runnable_cancel(struct lc__runnable *runnable);
/* When the present run, or one above it, was told to end; 0: not known. */
int64_t lc__runnable_told_at(const struct lc__runnable *runnable);
/* Gives the last run back, which has ended: the run holds the tree. */
void lc__runnable_let_go(struct lc__runnable *runnable);
/* Logs "what: error", and the backtrace of the throw if the last run died of one. */
void lc__runnable_tell(const struct lc__runnable *runnable, struct lc__log_repeated *lines,
                       const char *path, const char *what, const lc_error *error);

/* Gives a child its parent. @return 0; -EEXIST: another child or log of the parent has the name. */
int lc__runnable_take_in(struct lc__runnable *parent, struct lc__runnable *child);
void lc__runnable_put_out(struct lc__runnable *child);
/* Opens a sub-log of a run that has not ended. @return 0; -EEXIST, -ENOMEM. */
int lc__run_open_log(struct lc__run *run, const char *name, const char **result);
/*
 * Whether the run counts as settled at `now`: it has waited since the last look, or has been busy
 * for `grace`. Sets *own if the run's task is `task`.
 */
bool lc__run_is_settled(struct lc__run *run, int64_t now, int64_t grace,
                        const struct lc__task *task, bool *own);

#endif
