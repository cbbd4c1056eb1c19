/*
 * staged.h: a service whose nodes are puppets, run beside the test by a helper, which tells the test
 * what it would tell its manager.
 */
#ifndef LIFECYCLE_TESTS_SERVICE_STAGED_H
#define LIFECYCLE_TESTS_SERVICE_STAGED_H

#include "support/helper.h"
#include "support/puppet.h"

#include <pthread.h>

enum { STAGED_MAX = 4, STAGED_HEARD_MAX = 65536 };

struct staged;
struct staged_node {
    struct staged *staged;
    struct puppet puppet;
    char name[8];         /**< "n0", "n1", ... */
    lc_behavior behavior; /**< what its handler answers; LC_SHUTDOWN unless set */
};

struct staged {
    lc_supervisor *supervisor;
    lc_service_options options; /**< to be changed before staged_start */
    struct staged_node nodes[STAGED_MAX];
    size_t count;
    pthread_mutex_t lock;
    char heard[STAGED_HEARD_MAX]; /**< each message in brackets; cut to fit; under the lock */
    lc_error *(*reload)(lc_context *context, void *arg); /**< NULL: none */
    void *reload_arg;
    bool configured; /**< for the first time; by one worker after the other */
    lc_handle *finished;
    int status;
    struct helper helper;
};

/** Makes one with `count` nodes, each depending on the one before. */
void staged_init(struct staged *staged, size_t count);
/** Its `configure` does nothing at the first call, and calls `reload(context, arg)` later. */
void staged_reload_by(struct staged *staged, lc_error *(*reload)(lc_context *context, void *arg),
                      void *arg);
/** Runs it. */
void staged_start(struct staged *staged);
/** As staged_start, and every node is ready, which the manager knows. @return whether so. */
bool staged_begins(struct staged *staged);
/** Has a puppet await the end of its context, and then return. */
void staged_obeys(struct staged_node *node);
/** All of them. */
void staged_all_obey(struct staged *staged);
/** Waits for the end. @return whether it came, with this status; then the run is joined. */
bool staged_ends(struct staged *staged, int status);
/** Frees it; the service has ended. */
void staged_drop(struct staged *staged);

/** How often this has been told. */
unsigned staged_told(struct staged *staged, const char *text);
/** Waits until it has been told so often. @return whether it was. */
bool staged_tells(struct staged *staged, const char *text, unsigned times);
/** Whether `one` was told, and `other` after it. */
bool staged_in_order(struct staged *staged, const char *one, const char *other);
/** Waits until the log, which is being captured, has it. */
bool staged_logs(const char *text);

/** Ends a child with a number that tells which step failed. */
#define STEP(number, condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return (number);                                                                       \
    } while (0)

#endif
