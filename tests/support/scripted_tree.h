/*
 * scripted_tree.h: a supervision tree of runnables that carry out a test's orders, one after the
 * other, each time they are started. An observer watches the tree.
 */
#ifndef LIFECYCLE_TESTS_SCRIPTED_TREE_H
#define LIFECYCLE_TESTS_SCRIPTED_TREE_H

#include <lifecycle.h>

#include <stdatomic.h>

/** What a test can order. */
enum runnable_order {
    RUNNABLE_LOOK = 1, /**< nothing: to see whether it lives */
    RUNNABLE_HEALTHY,  /**< signal healthy */
    RUNNABLE_DONE,     /**< signal done */
    RUNNABLE_START,    /**< start its children as a group; `answer` then has the result */
    RUNNABLE_CALL,     /**< call `call(context, arg)` */
    RUNNABLE_RETURN,   /**< return NULL */
    RUNNABLE_FAIL,     /**< return its error */
    RUNNABLE_THROW,    /**< throw its error */
    RUNNABLE_YIELD     /**< return its context's error, which has ended */
};

#define RUNNABLE_CHILDREN_MAX 6

struct scripted_runnable {
    lc_child child; /**< how it is started: to be changed before that */
    struct scripted_runnable *children[RUNNABLE_CHILDREN_MAX];
    lc_child_group group; /**< of its children, which it fills in itself */
    size_t child_count;
    const lc_child *alone[2]; /**< a list of itself, for a description of children */
    bool stubborn;            /**< it does not return when its context ends */
    void (*call)(lc_context *context, void *arg);
    void *arg;
    lc_error *error;
    int answer;          /**< a code, or 0 */
    char said[256];      /**< and the message */
    lc_channel *entered; /**< its contexts, one for each start */
    lc_channel *orders;
    lc_channel *answers;
    lc_context *context; /**< of the start that was last seen; NULL: of none */
};

/** Waits until it has been started once more. @return whether it was, in time. */
bool runnable_entered(struct scripted_runnable *runnable);
/** Whether it has not been started since it was last seen to be. */
bool runnable_absent(struct scripted_runnable *runnable);
/** Gives an order and waits until it has been carried out; not for those that end it. */
bool runnable_does(struct scripted_runnable *runnable, enum runnable_order order);
/** Gives an order and does not wait. */
bool runnable_told(struct scripted_runnable *runnable, enum runnable_order order);
/**
 * Has `call(context, arg)` called by it, and waits for that: so that may use CUnit's assertions.
 */
bool runnable_calls(struct scripted_runnable *runnable,
                    void (*call)(lc_context *context, void *arg), void *arg);
/** As above, of a call that does not return. */
bool runnable_told_to_call(struct scripted_runnable *runnable,
                           void (*call)(lc_context *context, void *arg), void *arg);
/** Has it start its `count` children. @return whether that was accepted. */
bool runnable_starts(struct scripted_runnable *runnable, size_t count);
/** Whether its context has ended. */
bool runnable_ended(const struct scripted_runnable *runnable);

#define TREE_RUNNABLES 6
#define TREE_PENDING 64

struct tree_happening {
    lc_event_kind kind;
    char name[80];
    lc_node_state state;
    uint64_t instance;
    int64_t time;
    int code; /* of the error; 0: none */
};

struct scripted_tree {
    /** Of these the first is the root, and called "root"; the others are "a", "b", "c", "d", "e".
     * Without pauses, and with errors of the codes -100, -101, ... */
    struct scripted_runnable runnables[TREE_RUNNABLES];
    lc_tree_options options;
    lc_context *context; /**< what the tree is started with; NULL: none. To be set before */
    lc_tree *real;       /**< NULL: let go of, when all of it had ended */
    lc_observer *observer;
    /* Seen while looking for something else. */
    struct tree_happening pending[TREE_PENDING];
    size_t pending_count;
    struct tree_happening last; /**< what was last asked for and seen */
};

/** Makes the runnables, and captures the log. The tree must stay where it is from here on. */
void tree_init(struct scripted_tree *tree);
/** Makes the tree, starts it, and sees the root start. @return whether all went well. */
bool tree_start(struct scripted_tree *tree);
/** As tree_start, and the root starts "a" to the `count`th child, and all are seen to start. */
bool tree_start_with(struct scripted_tree *tree, size_t count);
/** The runnable starts so many children, which are seen to start: parent[0], parent[1], ... */
bool tree_start_children(struct scripted_runnable *parent,
                         struct scripted_runnable *const *children, size_t count);
/** Cancels the tree, lets every runnable return, waits until all is over and frees everything, the
 * captured log too. */
void tree_drop(struct scripted_tree *tree);

/** Waits until a node has entered a state, whatever others have done in between. */
bool tree_sees(struct scripted_tree *tree, const char *name, lc_node_state state);
/** Whether the next that happens to any node is this. */
bool tree_next(struct scripted_tree *tree, const char *name, lc_node_state state);
/** Whether nothing has happened that was not asked for, but for what begins with `name`. */
bool tree_quiet(struct scripted_tree *tree);
/** Whether the tree settles in time. */
bool tree_settles(struct scripted_tree *tree);

/** A node's row of a snapshot taken now; zeros: there is none. The error and texts are not kept. */
lc_node_status tree_status(struct scripted_tree *tree, const char *name);
/** The state it shows; -1: there is no such node. */
int tree_state(struct scripted_tree *tree, const char *name);
/** How many nodes there are. */
size_t tree_count(struct scripted_tree *tree);

#endif
