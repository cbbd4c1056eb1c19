/*
 * main.c: tests the uploader in a simulation: hours of its life, with outages of the backend, lost
 * requests, a SIGTERM at any moment, late and early wake-ups and a lack of memory, in milliseconds.
 *
 *     simulate             1,000 runs, of the seeds 1 to 1,000; says which failed
 *     simulate SEED        that run once more, with its log
 *     simulate --deadlock  shows the error of a program in which nothing can happen any more
 *
 * A run has the uploader, and three fibers that stand for its clients, its backend and an operator.
 */
#include "uploader.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 1000, JOBS = 20 };

/* A wake-up may be late by so much, and an effect may take a few wake-ups. */
#define LATE_MOST (200 * LC_MILLISECOND)
#define SLACK (10 * LATE_MOST)

struct job {
    bool handed_over; /* by the client */
    bool stored;      /* by the backend */
};

struct world {
    uint64_t seed;
    bool short_of_memory; /* allocations fail now and then */
    bool stays_open;      /* the channels are not closed in the end: a deadlock */
    struct uploader uploader;
    struct job jobs[JOBS];
    lc_handle *all_stored;
    lc_handle *over; /* the service has ended */
    int64_t term_at; /* when SIGTERM was sent first */

    /* What the backend has seen. */
    unsigned stored;
    int64_t out_until; /* until then it gives no answer */
    int64_t last_request;
    unsigned unanswered; /* requests in a row */

    int64_t lived;     /* virtual time */
    char failure[256]; /* the first thing found wrong; "": nothing */
};

/* Notes what is wrong, if it is the first. */
static void must(struct world *world, bool holds, const char *format, ...) LC_PRINTF(3, 4);
static void must(struct world *world, bool holds, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!holds && !*world->failure)
        vsnprintf(world->failure, sizeof world->failure, format, arguments);
    va_end(arguments);
}

static int64_t random_time(int64_t most)
{
    return (int64_t)lc_random_below((uint64_t)most);
}

/* ---- what is around the uploader ---- */

/* Hands jobs over, until the service takes no more. */
static void client(void *arg)
{
    struct world *world = arg;
    for (int i = 0; i < JOBS; i++) {
        lc_sleep(random_time(LC_MINUTE));
        if (lc_channel_send(world->uploader.jobs, &world->jobs[i], LC_FOREVER) != 0)
            return;
        world->jobs[i].handed_over = true;
    }
}

/*
 * How long after an unanswered request the next has to come: after the time-out, and with every
 * third also after the pause, which is twice as long as the one before.
 */
static int64_t time_to_next(unsigned unanswered)
{
    int64_t pause = 0;
    if (unanswered % UPLOAD_ATTEMPTS == 0) {
        pause = UPLOAD_PAUSE_FIRST;
        for (unsigned i = UPLOAD_ATTEMPTS; i < unanswered && pause < UPLOAD_PAUSE_MOST;
             i += UPLOAD_ATTEMPTS)
            pause *= 2;
    }
    return UPLOAD_TIMEOUT + (pause < UPLOAD_PAUSE_MOST ? pause : UPLOAD_PAUSE_MOST);
}

/* A lack of memory ends instances too: then the time of the next request is not known. */
static void check_time(struct world *world)
{
    int64_t passed = lc_now() - world->last_request;
    int64_t wanted = time_to_next(world->unanswered);
    if (world->unanswered > 0 && !world->short_of_memory)
        must(world, passed > wanted - SLACK && passed < wanted + SLACK,
             "request %u came after %.3f s instead of %.3f s", world->unanswered + 1,
             (double)passed / LC_SECOND, (double)wanted / LC_SECOND);
    world->last_request = lc_now();
}

static void store(struct world *world, struct request *request)
{
    struct job *job = request->job;
    world->stored += !job->stored;
    job->stored = true;
    request_answer(request);
    if (world->stored == JOBS)
        lc_handle_close(world->all_stored);
}

/* Loses one request in four; after one in eight it gives no answer for up to 20 minutes. */
static bool is_lost(struct world *world)
{
    if (lc_random_below(8) == 0)
        world->out_until = lc_now() + random_time(20 * LC_MINUTE);
    return lc_now() < world->out_until || lc_random_below(4) == 0;
}

static void backend(void *arg)
{
    struct world *world = arg;
    void *item;
    while (lc_channel_receive(world->uploader.backend, &item, LC_FOREVER) == 0) {
        check_time(world);
        if (is_lost(world)) {
            world->unanswered++;
            request_drop(item);
            continue;
        }
        lc_sleep(random_time(UPLOAD_TIMEOUT / 2));
        world->unanswered = 0;
        store(world, item);
    }
}

/*
 * Stops the service: in every other run when all is stored, else at any moment. If the service does
 * not end, the signal is sent again: a service that is just starting may not get the first one.
 */
static void admin(void *arg)
{
    struct world *world = arg;
    if (world->seed % 2 == 0)
        lc_handle_wait(world->all_stored, LC_FOREVER);
    else
        lc_sleep(random_time(30 * LC_MINUTE));
    world->term_at = lc_now();
    do
        lc_simulation_signal(SIGTERM);
    while (lc_handle_wait(world->over, lc_deadline_after(LC_MINUTE)) == -ETIMEDOUT);
}

/* ---- a run ---- */

/* In every fourth world this may take some attempts. */
static void start(struct world *world, const char *name, void (*run)(void *arg))
{
    while (lc_fiber_start(LC_FIBER_OPTIONS(.name = name, .run = run, .arg = world)) == -ENOMEM)
        continue;
}

/* The main function of the simulated process. */
static lc_error *live(void *arg)
{
    struct world *world = arg;
    int64_t born = lc_now();
    start(world, "client", client);
    start(world, "backend", backend);
    start(world, "admin", admin);

    lc_error *error = uploader_run(&world->uploader);
    while (lc_error_is(error, -ENOMEM)) { /* the service manager would start the process again */
        lc_error_unref(error);
        lc_sleep(LC_SECOND);
        error = uploader_run(&world->uploader);
    }
    must(world, lc_error_is(error, -ECANCELED), "it ended otherwise than by SIGTERM: %s",
         lc_error_message(error));
    must(world, lc_now() - world->term_at < SLACK || world->short_of_memory,
         "it took %.3f s to stop", (double)(lc_now() - world->term_at) / LC_SECOND);
    lc_error_unref(error);
    lc_handle_close(world->over);

    if (!world->stays_open) {
        lc_channel_close(world->uploader.jobs);
        lc_channel_close(world->uploader.backend);
    }
    world->lived = lc_now() - born;
    return NULL;
}

/* The faults of a run, by its seed: half of the runs have late wake-ups, and so on. */
static lc_simulation_options faults_of(const struct world *world)
{
    lc_simulation_options options = {.size = sizeof options};
    options.seed = world->seed;
    options.delay_one_in = world->seed / 2 % 2 ? 4 : 0;
    options.delay_max = LATE_MOST;
    options.early_one_in = world->seed / 4 % 2 ? 10 : 0;
    options.fail_one_in = world->short_of_memory ? 100 : 0;
    return options;
}

static lc_error *simulate(struct world *world)
{
    lc_executor *executor;
    lc_simulation_options options = faults_of(world);
    lc_error *error = lc_executor_new_simulated(&options, &executor);
    if (!error)
        error = lc_executor_run(executor, live, world);
    lc_executor_free(executor);
    return error;
}

/*
 * Once the run is over. Nothing may be lost: what was handed over is stored, or still in the
 * uploader's hands.
 */
static void check_jobs(struct world *world)
{
    bool kept[JOBS] = {false};
    struct job *job = world->uploader.job;
    if (job)
        kept[job - world->jobs] = true;
    for (void *item; lc_channel_receive(world->uploader.jobs, &item, LC_NOW) == 0;)
        kept[(struct job *)item - world->jobs] = true;
    for (int i = 0; i < JOBS; i++)
        must(world, !world->jobs[i].handed_over || world->jobs[i].stored || kept[i],
             "job %d is lost", i);
}

static void drop_request(void *item)
{
    request_drop(item);
}

/* One run. @return whether nothing was wrong, else world->failure says what. */
static bool run(struct world *world, uint64_t seed, bool stays_open)
{
    *world = (struct world){.seed = seed, .stays_open = stays_open};
    world->short_of_memory = seed / 8 % 4 == 3;
    /* Made outside, where no allocation is made to fail. */
    world->all_stored = lc_handle_new();
    world->over = lc_handle_new();
    lc_error *error = lc_channel_new(LC_CHANNEL(.capacity = 4), &world->uploader.jobs);
    if (!error)
        error = lc_channel_new(LC_CHANNEL(.capacity = 4, .discard = drop_request),
                               &world->uploader.backend);
    must(world, world->all_stored && world->over, "no memory for a world");
    if (!error && !*world->failure)
        error = simulate(world);
    must(world, !error, "%s", lc_error_message(error));
    lc_error_unref(error);
    check_jobs(world);
    lc_channel_unref(world->uploader.backend);
    lc_channel_unref(world->uploader.jobs);
    lc_handle_unref(world->over);
    lc_handle_unref(world->all_stored);
    return !*world->failure;
}

/* ---- the program ---- */

static int run_one(uint64_t seed, bool stays_open)
{
    struct world world;
    bool good = run(&world, seed, stays_open);
    printf("seed %" PRIu64 ": %s\n", seed, good ? "as it should be" : world.failure);
    return good ? 0 : 1;
}

static int run_all(void)
{
    int failed = 0;
    int64_t lived = 0, began = lc_now();
    lc_log_set_level(LC_LOG_CRITICAL);
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct world world;
        if (!run(&world, seed, false)) {
            printf("seed %" PRIu64 ": %s; once more: simulate %" PRIu64 "\n", seed, world.failure,
                   seed);
            failed++;
        }
        lived += world.lived;
    }
    printf("%d runs, %d failed: %d h %d min of virtual time in %.1f s\n", RUNS, failed,
           (int)(lived / LC_HOUR), (int)(lived % LC_HOUR / LC_MINUTE),
           (double)(lc_now() - began) / LC_SECOND);
    return failed > 0;
}

int main(int argc, char **argv)
{
    if (lc_standard_fds_open() != 0)
        return 1;
    int status;
    char *end = NULL;
    uint64_t seed = argc > 1 ? strtoull(argv[1], &end, 10) : 0;
    if (argc < 2) {
        status = run_all();
    } else if (strcmp(argv[1], "--deadlock") == 0) {
        status = run_one(1, true);
    } else if (end != argv[1] && *end == '\0') {
        status = run_one(seed, false);
    } else {
        fprintf(stderr, "usage: simulate [SEED | --deadlock]\n");
        status = 2;
    }
    lc_library_shutdown();
    return status;
}
