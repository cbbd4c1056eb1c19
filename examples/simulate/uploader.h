/*
 * uploader.h: the component under test: takes jobs from a queue and has a backend store them, one
 * after the other. Nothing in it knows of the simulation: a service would run it just so.
 */
#ifndef EXAMPLES_SIMULATE_UPLOADER_H
#define EXAMPLES_SIMULATE_UPLOADER_H

#include <lifecycle.h>

/** How long the backend may take for one request. */
#define UPLOAD_TIMEOUT (5 * LC_SECOND)
/** After so many requests without an answer the uploader fails, and is restarted. */
#define UPLOAD_ATTEMPTS 3
/** The pause before a restart: the first, then twice as long each time up to the second. */
#define UPLOAD_PAUSE_FIRST LC_SECOND
#define UPLOAD_PAUSE_MOST LC_MINUTE

/** What the backend is sent. It owns the request: request_answer or request_drop, once. */
struct request {
    void *job;
    lc_handle *stored; /* closed by the answer */
};

/** The job is stored. */
void request_answer(struct request *request);
/** There will be no answer, and the waiting worker is not told. */
void request_drop(struct request *request);

/** What outlives the component's instances. */
struct uploader {
    lc_channel *jobs;    /* from the clients */
    lc_channel *backend; /* of struct request */
    void *job;           /* taken from the queue, and not known to be stored; NULL: none */
    int64_t pause;       /* before the next instance goes to work */
};

/** Runs it until SIGTERM or SIGINT. @return why it ended. */
lc_error *uploader_run(struct uploader *uploader);

#endif
