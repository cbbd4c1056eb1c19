/*
 * node.h: a node of a graph: what it is made of, what it needs, what is to be done about its errors.
 * Floor 5: node_instance.c, node_judge.c, supervisor.c.
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
struct lc__owner;

/* One of the things a node depends on: by name, until the graph is run. */
struct lc__needed {
    struct lc__engine_edge edge;
    struct lc__node *node; /* NULL: not looked up yet */
    char name[LC_NAME_MAX + 1];
};

/* The asking of a handler; its task has a reference to the shell. */
struct lc__judgement {
    struct lc__worker_call call;
    struct lc__post post;
    struct lc__timer asker; /* armed while there is no task to ask in */
    lc_context *context;    /* leads to the node's owner; held. NULL: no memory for it */
    lc_error *error;        /* held */
    lc_failure failure;     /* of that error */
    lc_behavior answer;
};

struct lc__node {
    struct lc__engine_node engine; /* first */
    RB_ENTRY(lc__node) by_name;
    struct lc__shell *shell; /* whose it is; it outlives the node */
    char name[LC_NAME_MAX + 1];
    struct lc__source source;
    lc_judge judge;
    void *judge_arg;
    struct lc__launch launch; /* of its instances' start and end, and of its judge */
    struct lc__engine_intensity intensity;
    struct lc__owner *owner; /* to which the contexts of all instances lead; NULL: none yet */
    struct lc__log_repeated restart_lines, ready_lines, late_lines; /* there may be many; in the
                                                                      service */
    struct lc__node_instance *instance; /* the present one; NULL: none. In the service */
    unsigned starts_without_task;       /* in a row; in the service */
    struct lc__judgement judgement;
    char *awaited;   /* what held it up when its time was over; NULL: not known. In the service */
    lc_handle *gone; /* closes when it is forgotten; NULL: no call waits. In the service */
    lc_handle *over; /* closes when it will not run again; NULL: none has asked. In the service */
    size_t index;    /* among the nodes, for who numbers them */
    /* For the search for cycles. */
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
 * Makes a node of options; `nest` makes a component of its nested nodes, if it has any.
 * @return NULL; -EINVAL naming what is wrong with the options; -ENOMEM.
 */
lc_error *lc__node_new(struct lc__shell *shell, const lc_node *given, lc__nested_maker nest,
                       struct lc__node **made);
/* Frees one that is in no engine. */
void lc__node_free(struct lc__node *node);
/*
 * The node's owner, made at the first call, when the shell's path is known. In the service. NULL:
 * no memory.
 */
struct lc__owner *lc__node_owner(struct lc__node *node);

#endif
