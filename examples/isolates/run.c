/*
 * run.c: starts the count and waits for it: for the total, for errors, for signals, and for the
 * next line of progress. It runs in the main thread, which has three ports for the isolates'
 * messages.
 *
 *     SIGTSTP            all isolates are paused; then the process stops, as the shell expects
 *     SIGCONT            they are resumed, with open files and messages as before
 *     SIGINT, SIGTERM    all are killed, between two pieces of a file
 */
#define _GNU_SOURCE
#include "isolates.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a kill may take: a file system may keep a reader for ever. */
#define PATIENCE (10 * LC_SECOND)
/* What shells say of a program that a signal has ended. */
#define EXIT_SIGNAL 128

struct run {
    struct tally tally;
    struct progress progress;
    struct dispenser dispenser;
    lc_isolate isolate; /* the dispenser */
    lc_isolate_group *group;
    lc_process_signals *signals;
    lc_receive_port total;
    lc_receive_port errors;
    lc_receive_port news;
    lc_send_port orders;  /* the dispenser's, once it has started */
    lc_capability resume; /* one for all pauses */
    struct part result;
    bool has_result;
    bool over;
    bool pausing; /* ordered, and wanted still */
    int signal;   /* the one that ends the run; 0: none */
    uint64_t failures;
};

/* ---- pausing ---- */

static void order(const struct run *run, bool pause)
{
    struct order order = {pause, run->resume};
    lc_send(run->orders, &order, sizeof order); /* dropped if it has ended */
}

static void resume(const struct run *run)
{
    lc_isolate_resume(run->isolate, run->resume); /* it has paused itself last */
    order(run, false);
}

/* All isolates are paused. SIGCONT, which continues the process, resumes them. */
static void stop(struct run *run)
{
    if (run->pausing) {
        progress_leave(&run->progress, ", paused");
        raise(SIGSTOP);
    }
    run->pausing = false;
    resume(run);
}

/* ---- messages ---- */

static void on_signal(struct run *run, int signal)
{
    switch (signal) {
    case SIGTSTP:
        if (!run->pausing)
            order(run, true);
        run->pausing = true;
        break;
    case SIGCONT:
        run->pausing = false; /* continued before it has stopped */
        break;
    default:
        run->signal = signal;
    }
}

static void on_news(struct run *run, const struct news *news)
{
    switch (news->kind) {
    case NEWS_STARTED:
        run->orders = news->orders;
        if (run->pausing)
            order(run, true);
        break;
    case NEWS_PAUSED:
        stop(run);
        break;
    case NEWS_ENDED:
        run->over = true;
        break;
    }
}

static void on_error(struct run *run, const lc_error *error)
{
    run->failures++;
    progress_say(&run->progress, "%s", lc_error_message(error));
}

static void on_total(struct run *run, const struct part *part)
{
    run->result.words += part->words;
    run->result.files += part->files;
    run->has_result = true;
}

/* Takes the next message, if there is one. Returns 0, or why none can be taken. */
static int hear(struct run *run)
{
    const lc_receive_port ports[] = {run->total, run->errors, run->news};
    lc_message *message = NULL;
    int code = lc_port_receive_any(ports, 3, &message, LC_NOW);
    if (code < 0)
        return code == -ETIMEDOUT ? 0 : code;
    lc_send_port port = lc_message_port(message);
    if (lc_send_port_equal(port, run->news.send))
        on_news(run, lc_message_data(message));
    else if (lc_send_port_equal(port, run->errors.send))
        on_error(run, lc_message_error(message));
    else
        on_total(run, lc_message_data(message));
    lc_message_free(message);
    return 0;
}

static lc_error *wait_for_the_end(struct run *run)
{
    enum { SIGNAL, TOTAL, ERROR, NEWS };
    while (!run->over && run->signal == 0) {
        lc_waitable waits[] = {[SIGNAL] = lc_on_signals(run->signals),
                               [TOTAL] = lc_on_port(run->total),
                               [ERROR] = lc_on_port(run->errors),
                               [NEWS] = lc_on_port(run->news)};
        int happened = lc_wait_any(waits, 4, run->progress.next);
        if (happened == SIGNAL)
            on_signal(run, lc_process_signals_next(run->signals, LC_NOW));
        else if (happened >= 0)
            happened = hear(run);
        if (happened < 0 && happened != -ETIMEDOUT)
            return lc_error_new_errno(-happened, "cannot wait");
        progress_draw(&run->progress);
    }
    return NULL;
}

/* ---- from start to end ---- */

static lc_error *open_ears(struct run *run)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGTSTP, SIGCONT};
    lc_error *error = lc_port_open(NULL, &run->total);
    if (!error)
        error = lc_port_open(NULL, &run->errors);
    if (!error)
        error = lc_port_open(NULL, &run->news);
    if (!error)
        error = lc_process_signals_new(signals, 4, &run->signals);
    return error;
}

static void close_ears(struct run *run)
{
    lc_process_signals_free(run->signals);
    lc_port_close(run->total);
    lc_port_close(run->errors);
    lc_port_close(run->news);
}

static lc_error *start(struct run *run, const struct options *options)
{
    run->resume = lc_capability_new();
    run->dispenser.options = options;
    run->dispenser.tally = &run->tally;
    run->dispenser.total = run->total.send;
    run->dispenser.errors = run->errors.send;
    run->dispenser.news = run->news.send;
    lc_error *error =
        lc_isolate_group_new(LC_ISOLATE_GROUP(.name = "count", .data = &run->tally), &run->group);
    return error ? error : dispenser_spawn(&run->dispenser, run->group, &run->isolate);
}

/* After it no isolate uses the run. */
static void kill_all(struct run *run, int status)
{
    if (!run->group || lc_isolate_group_shutdown(run->group, lc_deadline_after(PATIENCE)) == 0)
        return;
    progress_say(&run->progress, "a file keeps its reader for ever; leaving it");
    _exit(status);
}

static int tell_interrupted(struct run *run)
{
    int status = EXIT_SIGNAL + run->signal;
    progress_erase(&run->progress);
    kill_all(run, status);
    const struct tally *tally = &run->tally;
    progress_say(&run->progress,
                 "%s: %" PRIu64 " of %" PRIu64 " files found were counted, with others in part: "
                 "%" PRIu64 " words",
                 run->signal == SIGINT ? "interrupted" : "terminated", atomic_load(&tally->counted),
                 atomic_load(&tally->found), atomic_load(&tally->words));
    return status;
}

static int tell_result(struct run *run)
{
    progress_erase(&run->progress);
    kill_all(run, EXIT_FAILURE);
    if (!run->has_result) {
        progress_say(&run->progress, "the count was not completed");
        return EXIT_FAILURE;
    }
    if (run->failures > 0)
        progress_say(&run->progress,
                     "errors: %" PRIu64 "; the other files, %" PRIu64 ", are counted",
                     run->failures, run->result.files);
    printf("%" PRIu64 "\n", run->result.words);
    bool written = fflush(stdout) == 0;
    if (!written)
        progress_say(&run->progress, "cannot write the total: %s", strerror(errno));
    return written && run->failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run(const struct options *options)
{
    static struct run run;
    progress_begin(&run.progress, &run.tally, !options->quiet);
    lc_error *error = open_ears(&run);
    if (!error)
        error = start(&run, options);
    if (!error)
        error = wait_for_the_end(&run);
    if (error)
        on_error(&run, error);
    lc_error_unref(error);
    int status = run.signal ? tell_interrupted(&run) : tell_result(&run);
    close_ears(&run);
    lc_isolate_group_unref(run.group);
    return status;
}
