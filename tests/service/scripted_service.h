/*
 * scripted_service.h: a service with scripted workers as its nodes. A helper runs it beside the
 * test, and the test receives what the service would send to its manager.
 */
#ifndef LIFECYCLE_TESTS_SERVICE_SCRIPTED_SERVICE_H
#define LIFECYCLE_TESTS_SERVICE_SCRIPTED_SERVICE_H

#include "support/check.h"
#include "support/helper.h"
#include "support/scripted_worker.h"

#include <pthread.h>

enum { SERVICE_NODES_MAX = 4, SERVICE_HEARD_MAX = 65536 };

struct scripted_service;
struct service_node {
    struct scripted_service *service;
    struct scripted_worker worker;
    char name[8];         /**< "n0", "n1", ... */
    lc_behavior behavior; /**< what its handler answers; LC_SHUTDOWN unless set */
};

struct scripted_service {
    lc_supervisor *supervisor;
    lc_service_options options; /**< to be changed before service_start */
    struct service_node nodes[SERVICE_NODES_MAX];
    size_t count;
    pthread_mutex_t lock;
    char heard[SERVICE_HEARD_MAX]; /**< each message in brackets; cut to fit; under the lock */
    lc_error *(*reload)(lc_context *context, void *arg); /**< NULL: none */
    void *reload_arg;
    bool configured; /**< for the first time; by one worker after the other */
    lc_handle *finished;
    int status;
    struct helper helper;
};

/** Makes one with `count` nodes, each depending on the one before. */
void service_init(struct scripted_service *service, size_t count);
/** Its `configure` does nothing at the first call, and calls `reload(context, arg)` later. */
void service_reload_by(struct scripted_service *service,
                       lc_error *(*reload)(lc_context *context, void *arg), void *arg);
/** Runs it. */
void service_start(struct scripted_service *service);
/** As service_start, and every node is ready, which the manager knows. @return whether so. */
bool service_begins(struct scripted_service *service);
/** Has a worker await the end of its context, and then return. */
void service_obeys(struct service_node *node);
/** All of them. */
void service_all_obey(struct scripted_service *service);
/** Waits for the end. @return whether it came, with this status; then the run is joined. */
bool service_ends(struct scripted_service *service, int status);
/** Frees it; the service has ended. */
void service_drop(struct scripted_service *service);

/** How often this has been told. */
unsigned service_told(struct scripted_service *service, const char *text);
/** Waits until it has been told so often. @return whether it was. */
bool service_tells(struct scripted_service *service, const char *text, unsigned times);
/** Whether `one` was told, and `other` after it. */
bool service_in_order(struct scripted_service *service, const char *one, const char *other);
/** Waits until the log, which is being captured, has it. */
bool service_logs(const char *text);

#endif
