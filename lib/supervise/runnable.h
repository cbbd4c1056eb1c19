/*
 * runnable.h: a runnable of a tree, and its instances. Floor 5: tree.c.
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

/* A name that is taken below a runnable: a child's, or a log's. */
struct lc__taken {
    RB_ENTRY(lc__taken) link;
    const char *name;
};

RB_HEAD(lc__taken_names, lc__taken);

/*
 * Children that were added together, or are of one description: what they share. It goes with the
 * last of them, and of those that can add more.
 */
struct lc__child_group {
    atomic_uint refs;
    struct lc__engine_group engine; /* unless each is in a group by itself */
    struct lc__engine_intensity intensity;
    struct lc__engine_significance significance;
    bool one_for_one; /* each is in a group by itself */
};

struct lc__runnable {
    struct lc__engine_node engine; /* first; engine.name is the distinguished name, owned */
    struct lc__shell *shell;
    struct lc__runnable *parent;   /* NULL: the root, or not taken in */
    struct lc__child_group *group; /* held */
    struct lc__engine_group alone; /* what it is in, if that is to take no other along */
    struct lc__taken taken;        /* among the parent's */
    lc_runnable run;
    void *arg;
    struct lc__launch launch;     /* of its instances */
    struct lc__taken_names names; /* of its children and logs */
    /* The present instance, or the last: its context is above the children's. NULL: none yet. */
    struct lc__run *last;
    unsigned starts_without_task; /* in a row; in the service, as the next */
    struct lc__log_repeated death_lines, pause_lines, ready_lines,
        late_lines;          /* there may be many */
    size_t index;            /* among the nodes, while a snapshot numbers them */
    struct lc__ended *ended; /* the last of its temporary children that have */
};

/* What an instance has signalled. In the service. */
enum lc__run_signal { LC__RUN_NEW, LC__RUN_HEALTHY, LC__RUN_DONE };

/* An instance. Its context refers to it, so that it is there as long as that is. */
struct lc__run {
    struct lc__owner owner; /* first */
    atomic_uint refs;
    struct lc__shell *shell; /* held */
    struct lc__runnable
        *of; /* NULL: its end has been dealt with. In the service, but for the task */
    uint64_t number;
    lc_context *context; /* with the signaler; leads back to here */
    struct lc__worker_call call;
    struct lc__shell_event ended;
    lc_error *returned;
    _Atomic(lc_error *) thrown; /* the first */
    char *backtrace;            /* of that; NULL: none. To be read if it has died of it */
    bool threw_clean;           /* it answers the end of the context; to be read with `thrown` */
    bool died_of_throw;         /* in the service */
    enum lc__run_signal signalled;
    bool may_return;          /* NULL, without having said done */
    struct lc__sublog *logs;  /* in the service */
    int64_t told_at;          /* when its context was cancelled; 0: it was not. In the service */
    struct lc__busy busy;     /* since it last waited. In the service, as the next */
    unsigned long parks;      /* how often it had gone to wait then */
    struct lc__spinlock lock; /* for the next */
    struct lc__task *task;    /* that runs it; NULL: none, or not any more */
    const char *name;         /* the distinguished name: the end of the path */
    char path[];              /* the owner's */
};

static inline struct lc__runnable *lc__runnable_of(struct lc__engine_node *node)
{
    return (struct lc__runnable *)node;
}

/* Makes what children share, with one reference. NULL: no memory. */
struct lc__child_group *lc__child_group_new(const lc_child_group *options);
void lc__child_group_unref(struct lc__child_group *group);

/*
 * Makes a runnable of checked options, in that group, below the runnable of that name (NULL: it is
 * the root). @return NULL: no memory.
 */
struct lc__runnable *lc__runnable_new(struct lc__shell *shell, const char *parent,
                                      const struct lc__child *child, struct lc__child_group *group);
/* In the service, if it has a parent. */
void lc__runnable_free(struct lc__runnable *runnable);

/* The instance that a context belongs to, or one above it; NULL: none. Borrowed. */
struct lc__run *lc__run_of(const lc_context *context);

struct lc__run *lc__run_ref(struct lc__run *run);
void lc__run_unref(struct lc__run *run);

/* ---- in the service ---- */

/* Carries out LC__START and LC__CANCEL. */
void lc__runnable_start(struct lc__runnable *runnable);
void lc__runnable_cancel(struct lc__runnable *runnable);
/* When its present instance was told to end, by itself or with one above it; 0: not known. */
int64_t lc__runnable_told_at(const struct lc__runnable *runnable);
/* Gives its last instance back, which has ended, and which refers to the tree. */
void lc__runnable_let_go(struct lc__runnable *runnable);
/*
 * Logs that it has died, or failed while it was being stopped, of that error; or counts that among
 * the lines.
 */
void lc__runnable_tell(const struct lc__runnable *runnable, struct lc__log_repeated *lines,
                       const char *path, const char *what, const lc_error *error);

/* Gives a child its parent. @return 0; -EEXIST if the parent has another of that name. */
int lc__runnable_take_in(struct lc__runnable *parent, struct lc__runnable *child);
void lc__runnable_put_out(struct lc__runnable *child);
/* Opens a sub-log. @return 0; -EEXIST, -ENOMEM. */
int lc__run_open_log(struct lc__run *run, const char *name, const char **result);
/*
 * Whether it counts as settled at `now`: it has waited since the last look, or has been busy for
 * `grace`. *own is set if it is the caller of `task`.
 */
bool lc__run_is_settled(struct lc__run *run, int64_t now, int64_t grace,
                        const struct lc__task *task, bool *own);

#endif
