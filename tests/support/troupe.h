/*
 * troupe.h: a supervision tree of actors: runnables that do what a test tells them, one step after
 * the other, at each of their starts anew. The tree is watched by an observer.
 */
#ifndef LIFECYCLE_TESTS_TROUPE_H
#define LIFECYCLE_TESTS_TROUPE_H

#include <lifecycle.h>

#include <stdatomic.h>

/** What an actor can be told. */
enum actor_order {
    ACTOR_LOOK = 1, /**< nothing: to see whether it lives */
    ACTOR_HEALTHY,  /**< signal healthy */
    ACTOR_DONE,     /**< signal done */
    ACTOR_START,    /**< start its children as a group; what it is told of that is in `answer` */
    ACTOR_CALL,     /**< call `call(context, arg)` */
    ACTOR_RETURN,   /**< return NULL */
    ACTOR_FAIL,     /**< return its error */
    ACTOR_THROW,    /**< throw its error */
    ACTOR_YIELD     /**< return its context's error, which has ended */
};

#define ACTOR_CHILDREN_MAX 6

struct actor {
    lc_child child; /**< how it is started: to be changed before that */
    struct actor *children[ACTOR_CHILDREN_MAX];
    lc_child_group group; /**< of its children, which it fills in itself */
    size_t child_count;
    const lc_child *alone[2]; /**< a list of itself, for a description of children */
    bool stubborn;            /**< it does not return by itself when its context ends */
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
bool actor_entered(struct actor *actor);
/** Whether it has not been started since it was last seen to be. */
bool actor_absent(struct actor *actor);
/** Gives an order and waits until it has been carried out; not for those that end it. */
bool actor_does(struct actor *actor, enum actor_order order);
/** Gives an order and does not wait. */
bool actor_told(struct actor *actor, enum actor_order order);
/** Has `call(context, arg)` called by it, and waits for that: so that may use CUnit's assertions. */
bool actor_calls(struct actor *actor, void (*call)(lc_context *context, void *arg), void *arg);
/** As above, of a call that does not return. */
bool actor_told_to_call(struct actor *actor, void (*call)(lc_context *context, void *arg),
                        void *arg);
/** Has it start its `count` children. @return whether that was accepted. */
bool actor_starts(struct actor *actor, size_t count);
/** Whether its context has ended. */
bool actor_ended(const struct actor *actor);

#define TROUPE_ACTORS 6
#define TROUPE_PENDING 64

struct troupe_event {
    lc_event_kind kind;
    char name[80];
    lc_node_state state;
    uint64_t instance;
    int64_t time;
    int code; /* of the error; 0: none */
};

struct troupe {
    /** Of these the first is the root, and called "root"; the others are "a", "b", "c", "d", "e".
     * Without pauses, and with errors of the codes -100, -101, ... */
    struct actor actors[TROUPE_ACTORS];
    lc_tree_options options;
    lc_context *context; /**< what the tree is started with; NULL: none. To be set before */
    lc_tree *tree;       /**< NULL: let go of, when all of it had ended */
    lc_observer *observer;
    /* Seen while looking for something else. */
    struct troupe_event pending[TROUPE_PENDING];
    size_t pending_count;
    struct troupe_event last; /**< what was last asked for and seen */
};

/** Makes the actors, and captures the log. The troupe must stay where it is from here on. */
void troupe_set(struct troupe *troupe);
/** Makes the tree, starts it, and sees the root start. @return whether all went well. */
bool troupe_open(struct troupe *troupe);
/** As troupe_open, and the root starts "a" to the `count`th child, and all are seen to start. */
bool troupe_open_with(struct troupe *troupe, size_t count);
/** The actor starts so many children, which are seen to start: parent[0], parent[1], ... */
bool troupe_plays(struct actor *parent, struct actor *const *children, size_t count);
/** Cancels the tree, lets every actor return, waits until all is over and frees everything, the
 * captured log too. */
void troupe_strike(struct troupe *troupe);

/** Waits until a node has entered a state, whatever others have done in between. */
bool troupe_sees(struct troupe *troupe, const char *name, lc_node_state state);
/** Whether the next that happens to any node is this. */
bool troupe_next(struct troupe *troupe, const char *name, lc_node_state state);
/** Whether nothing has happened that was not asked for, but for what begins with `name`. */
bool troupe_quiet(struct troupe *troupe);
/** Whether the tree settles in time. */
bool troupe_settles(struct troupe *troupe);

/** A node's row of a snapshot taken now; zeros: there is none. The error and texts are not kept. */
lc_node_status troupe_status(struct troupe *troupe, const char *name);
/** The state it shows; -1: there is no such node. */
int troupe_state(struct troupe *troupe, const char *name);
/** How many nodes there are. */
size_t troupe_count(struct troupe *troupe);

#endif
