/*
 * scripted_graph.h: a supervisor with nodes that do what a test orders, and a history of what they
 * did.
 *
 * A scripted node restarts without a pause. Each of its instances is a component of one worker,
 * which by default is ready at once and returns its context's error when that context ends. The
 * test changes what it likes (node->options, node->slow, ...) before the node joins the supervisor.
 */
#ifndef LIFECYCLE_TESTS_SCRIPTED_GRAPH_H
#define LIFECYCLE_TESTS_SCRIPTED_GRAPH_H

#include "support/check.h"
#include "support/clock.h"
#include "support/helper.h"
#include "support/later.h"

#include <lifecycle.h>

#include <stdatomic.h>

enum { GRAPH_NODES = 8, NODE_INSTANCES = 16, GRAPH_HISTORY = 256 };

struct scripted_graph;
struct scripted_node;

/** One instance. Its handles are there before it is. */
struct scripted_instance {
    struct scripted_node *node;
    unsigned number; /**< from 1 */
    lc_manager *manager;
    lc_context *context; /**< its worker's; NULL before it runs */
    lc_channel *orders;
    lc_handle *made;    /**< by the factory */
    lc_handle *entered; /**< its worker runs */
    lc_handle *told;    /**< its context has ended */
    lc_handle *left;    /**< its worker is about to return */
    lc_handle *asked;   /**< the handler has been asked about its error */
    int64_t entered_at; /**< on its worker's clock */
    lc_error *error;    /**< what it fails with: code -100, -101, ...: no other instance's */
    lc_error *judged;   /**< what the handler was asked about */
    bool done_when_asked;
    bool throws;
    atomic_bool noted_told;
};

/** What a worker does when its context ends. */
enum node_end {
    NODE_RETURNS_CONTEXT, /**< returns the context's error */
    NODE_RETURNS_NULL,
    NODE_WRAPS, /**< returns an error around the context's */
    NODE_FAILS, /**< returns its own */
    NODE_STAYS  /**< goes on until it is ordered to end */
};

/** A node of the supervisor, and what its instances do. */
struct scripted_node {
    struct scripted_graph *graph;
    char name[LC_NAME_MAX + 1];
    lc_node options;
    lc_dependency dependencies[GRAPH_NODES];
    const lc_dependency *dependency_list[GRAPH_NODES + 1];
    size_t dependency_count;
    char dependency_names[GRAPH_NODES][LC_NAME_MAX + 1];
    bool slow; /**< ready only when ordered to be */
    enum node_end end;
    unsigned factory_fails_at;           /**< the instance, from 1, once; 0: none */
    bool factory_failed;                 /**< it has */
    lc_behavior factory_answer;          /**< of the handler about that; at first LC_RESTART */
    atomic_uint factory_asked;           /**< how often it was asked about it */
    lc_handle *factory_waits;            /**< for this, before it makes anything; NULL */
    lc_behavior answers[NODE_INSTANCES]; /**< of the handler; at first LC_RESTART each */
    lc_handle *handler_waits;            /**< for this, before it answers; NULL */
    lc_error *factory_error;
    bool joined;
    atomic_uint made;
    atomic_uint asked;
    struct scripted_instance instances[NODE_INSTANCES];
};

struct scripted_graph {
    lc_supervisor_options options;
    lc_supervisor *supervisor; /**< once it has begun, or graph_supervisor was called */
    lc_context *context;       /**< of the run */
    struct check_clock *clock; /**< of the run; NULL: the usual one */
    lc_observer *observer;     /**< for node_enters */
    struct scripted_node nodes[GRAPH_NODES];
    unsigned count;
    struct helper helper;
    struct strand runner; /**< the thread or fiber that runs the supervisor */
    lc_handle *finished;
    lc_error *result;
    lc_behavior behavior;
    pthread_mutex_t lock; /**< of the two below */
    char history[GRAPH_HISTORY][LC_NAME_MAX + 8];
    unsigned history_count;
};

struct scripted_graph *graph_new(void);
/**
 * Adds a node. What it depends on is named with spaces between, each perhaps with a condition and
 * a plus sign for restarting along: "journal disk:started net:completed+ cache+".
 */
struct scripted_node *graph_node(struct scripted_graph *graph, const char *name,
                                 const char *dependencies);
/** Makes the supervisor, before graph_begin needs it. */
lc_supervisor *graph_supervisor(struct scripted_graph *graph);
/** Adds the node to the supervisor, which may run. */
lc_error *node_join(struct scripted_node *node);
/** All nodes join that have not, and the supervisor runs in a helper. */
void graph_begin(struct scripted_graph *graph);
/** Waits until the run has ended. */
void graph_end(struct scripted_graph *graph);
/** Cancels the run and waits until it has ended. */
void graph_cancel(struct scripted_graph *graph);
/** Frees all, and asserts that nothing runs any more. */
void graph_drop(struct scripted_graph *graph);

/** What an instance can be ordered to do. */
enum node_order {
    NODE_READY = 1,
    NODE_RETURN,
    NODE_FAIL,  /**< return its error */
    NODE_THROW, /**< throw its error */
    NODE_SIGNAL /**< report its error and go on, as lc_signal_error does */
};
/** Orders something, once the instance runs. */
void node_order(struct scripted_node *node, unsigned number, enum node_order order);

/**
 * Waits until the node enters the state, and passes over all that happens before. @return when it
 * has entered it.
 */
int64_t node_enters(struct scripted_node *node, lc_node_state state);
/** Waits for an event that is about no node. */
void graph_sees_kind(struct scripted_graph *graph, lc_event_kind kind);
/** Asserts that nothing has happened since what was seen last. */
void graph_is_quiet(struct scripted_graph *graph);

/** Adds an entry to the history. */
void graph_note(struct scripted_graph *graph, const char *format, ...) LC_PRINTF(2, 3);
/**
 * Whether both are in the history, in this order. The nodes themselves note, of instance n:
 * "name*n" it was made, "name+n" it runs, "name!n" it says that it is ready, "name~n" its context
 * has ended, "name-n" it is about to return, "name?n" its handler is asked.
 */
bool graph_before(struct scripted_graph *graph, const char *first, const char *second);
bool graph_has(struct scripted_graph *graph, const char *entry);

/**
 * Waits until the handle closes. On a clock of the graph's own, a timer that is armed after its
 * time fires at the next move of the clock: so this moves the clock by nothing while it waits.
 */
bool graph_comes(struct scripted_graph *graph, lc_handle *handle);

/** The node's instance of that number, from 1. */
#define INSTANCE(node, number) ((node)->instances[(number)-1])
/** That an instance comes to this point in time. */
#define NODE_COMES(node, number, what)                                                             \
    CU_ASSERT_TRUE(graph_comes((node)->graph, INSTANCE((node), (number)).what))
#define RUNS(node, number) NODE_COMES((node), (number), entered)
#define IS_TOLD(node, number) NODE_COMES((node), (number), told)
#define LEAVES(node, number) NODE_COMES((node), (number), left)
#define IS_ASKED(node, number) NODE_COMES((node), (number), asked)
#define NOT_TOLD(node, number) CHECK_OPEN(INSTANCE((node), (number)).told)
#define MADE(node, number) CU_ASSERT_EQUAL(atomic_load(&(node)->made), (number))
#define ASKED(node, number) CU_ASSERT_EQUAL(atomic_load(&(node)->asked), (number))
#define BEFORE(graph, first, second) CU_ASSERT_TRUE(graph_before((graph), (first), (second)))

/**
 * That an error has this code, and a message that holds the text. The error stays the caller's.
 */
#define TELLS(error, wanted, text)                                                                 \
    do {                                                                                           \
        CU_ASSERT_EQUAL(lc_error_code(error), (wanted));                                           \
        CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), (text)));                           \
    } while (0)
/** As TELLS, of an error that is given back. */
#define REFUSED(error, wanted, text)                                                               \
    do {                                                                                           \
        lc_error *refused_ = (error);                                                              \
        TELLS(refused_, (wanted), (text));                                                         \
        lc_error_unref(refused_);                                                                  \
    } while (0)

#endif
