/*
 * node.h: a node of a graph: what it is made of, what it needs, what to do about its errors.
 * Floor 5: node_....c, supervisor_....c.
 */
#ifndef LIFECYCLE_SUPERVISE_NODE_H
#define LIFECYCLE_SUPERVISE_NODE_H

#include "base/log_repeated.h"
#include "context/worker.h"
#include "supervise/launch.h"
#include "supervise/shell.h"
#include "supervise/source.h"

#include <bsd/sys/tree.h>

struct lc__node_instance;

/* A dependency of a node, known by name until the graph is run. */
struct lc__needed {
    struct lc__engine_edge edge;
    struct lc__node *node; /* NULL: not looked up yet */
    char name[LC_NAME_MAX + 1];
};

/* The asking of a judge. Its task holds the shell. */
struct lc__judgement {
    struct lc__worker_call call;
    struct lc__shell_event event;
    struct lc__timer retry; /* armed while there is no task to ask in */
    lc_context *context;    /* leads to the node's owner; held. NULL: no memory for it */
    lc_error *error;        /* held; NULL: the judge is not being asked */
    lc_failure failure;     /* of that error */
    lc_behavior answer;
};

struct lc__node {
    /* Written by lc__node_new() only. */
    struct lc__engine_node engine; /* first; of the serving task */
    struct lc__shell *shell;       /* lives longer than the node */
    char name[LC_NAME_MAX + 1];
    struct lc__source source;
    lc_judge judge;
    void *judge_arg;
    struct lc__launch launch; /* of the instances' starts and ends, and of the judge */
    struct lc__engine_intensity intensity;

    /* Of the serving task. */
    RB_ENTRY(lc__node) by_name;
    struct lc__owner *owner; /* the contexts of all instances lead to it; NULL: none yet */
    struct lc__node_instance *instance; /* the present one; NULL: none */
    struct lc__judgement judgement;
    unsigned starts_without_task; /* in a row */
    struct lc__log_repeated restart_lines, ready_lines, late_lines;
    char *awaited;   /* what still ran when the node's time was over; NULL: not known */
    lc_handle *gone; /* closes when the node is forgotten; NULL: no call waits for that */
    lc_handle *over; /* closes when the node will not run again; NULL: no call asked for it */
    size_t index;    /* among the nodes, while a snapshot is taken */
    /* Of the search for cycles. */
    struct lc__node *via;
    size_t at;
    unsigned char colour;

    size_t needed_count;
    struct lc__needed needed[];
};

static inline struct lc__node *lc__node_of(struct lc__engine_node *node)
{
    return (struct lc__node *)node;
}

/*
 * Makes a node of options. `nest` makes a component of its nested nodes, if it has any.
 * @return NULL; -EINVAL naming what is wrong with the options; -ENOMEM.
 */
lc_error *lc__node_new(struct lc__shell *shell, const lc_node *given, lc__nested_maker nest,
                       struct lc__node **made);
/* Frees a node that is in no engine. */
void lc__node_free(struct lc__node *node);
/*
 * The node's owner, made by the first call, which comes when the shell's path is known. For the
 * serving task. NULL: no memory.
 */
struct lc__owner *lc__node_owner(struct lc__node *node);

#endif
