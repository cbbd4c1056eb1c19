/*
 * isolates.h: an isolate that calls functions for a test, and ports on which the test receives.
 *
 * An agent is an isolate with one port, for actions: each is a function that it calls, in its turn,
 * in a handler. Most messages are numbers: most tests look at which of them have come, and in which
 * order.
 */
#ifndef LIFECYCLE_TESTS_ISOLATES_H
#define LIFECYCLE_TESTS_ISOLATES_H

#include <lifecycle.h>
#include <lifecycle/isolate.h>

#include <stdatomic.h>

/* ---- ports of the test ---- */

/** Opens a port of the caller's, a fiber or a thread. */
lc_receive_port probe_open(void);
/** Closes it. */
void probe_close(lc_receive_port port);
/** The next message, for lc_message_free; NULL, and the test fails: it has not come in time. */
lc_message *probe_next(lc_receive_port port);
/** The number in the next message; of an empty one 0; INT_MIN: it was none, or has not come. */
int probe_number(lc_receive_port port);
/** Whether the next messages are these numbers; the first that is not is shown. */
bool probe_gets(lc_receive_port port, const int *numbers, size_t count);
/** That the next messages are these. */
#define PROBE_GETS(port, ...)                                                                      \
    CU_ASSERT_TRUE(probe_gets((port), (const int[]){__VA_ARGS__},                                  \
                              sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))
/** Whether nothing is there at this moment. */
bool probe_is_empty(lc_receive_port port);

/** Sends a number. @return as lc_send. */
int send_number(lc_send_port port, int number);
/** The number in a message, as probe_number. */
int number_in(const lc_message *message);

/** A handler, with an lc_send_port as its argument: passes numbers on to that port. */
lc_error *pass_number(lc_message *message, void *port);
/** In an isolate: opens a port of its own with a handler; both as in lc_port_options. */
lc_receive_port port_with(lc_message_handler handler, void *arg);

/* ---- data that is moved ---- */

/** Counts how often it was destroyed. */
struct parcel {
    int number; /**< first: so a reader of the data finds a number */
    atomic_uint destroyed;
};
/** For lc_payload. */
void parcel_destroy(void *parcel);
/** Moves a parcel. @return as lc_send_moved. */
int send_parcel(lc_send_port port, struct parcel *parcel);

/* ---- an isolate ---- */

struct agent {
    lc_isolate_options options;    /**< to be changed before it begins; entry and arg are its own */
    lc_error *(*first)(void *arg); /**< what its entry calls, with its port open; NULL: nothing */
    void *arg;                     /**< for that */
    lc_isolate isolate;
    lc_receive_port port; /**< for actions; its entry opens it */
    lc_handle *ready;
    lc_handle *done;
};

/** With the defaults. It must stay where it is from here on. */
void agent_init(struct agent *agent);
/** Spawns it; waits until it takes actions, unless its options pause or hold it. */
void agent_begin(struct agent *agent);
/** Both. */
void agent_start(struct agent *agent);
/** Has it call `act(arg)`, and does not wait. @return as lc_send. */
int agent_told(struct agent *agent, lc_error *(*act)(void *arg), void *arg);
/** Has it call `act(arg)`, and waits until that has returned: so it may use CUnit's assertions. */
void agent_does(struct agent *agent, lc_error *(*act)(void *arg), void *arg);
/** Waits until it has ended by itself, and frees what belongs to it. */
void agent_ends(struct agent *agent);
/** Kills it before that, if it lives. */
void agent_stop(struct agent *agent);

/** An action on the agent: it closes its port for actions, which keeps it alive. */
lc_error *agent_leaves(void *agent);

/** Where an isolate is held up in an action. */
struct gate {
    lc_handle *reached;
    lc_handle *open; /**< the test closes it, to let the isolate go on */
};
void gate_init(struct gate *gate);
void gate_drop(struct gate *gate);
/** An action, with a gate as its argument. */
lc_error *gate_pass(void *arg);
/** Has the agent wait at the gate, and waits until it is there. */
void agent_waits(struct agent *agent, struct gate *gate);

#endif
