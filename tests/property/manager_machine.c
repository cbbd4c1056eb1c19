/*
 * manager_machine.c: random sequences of what can happen to a component manager, against a model
 * that is too small to be wrong. The workers are workers: each step is handed over and
 * acknowledged, so what must be true after it is known exactly.
 *
 * Again with the same sequences: LC_CHECK_SEED=<seed of the run>. One sequence alone:
 * LC_CHECK_SEQUENCE=<its seed>.
 */
#include "support/check.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 5

/* ---- the model ---- */

enum phase {
    WAITING,
    STARTING,
    RUNNING,
    STOPPING,
    RETURNED
}; /* STOPPING: has seen the end of its context */

struct model {
    size_t workers;
    bool started;
    bool parent_cancelled;
    bool failed;        /* some worker has */
    int first_error;    /* the worker with the first error; -1: none */
    unsigned unhandled; /* errors after the first */
    unsigned late;      /* errors after the stop, but for the first one, which goes upward */
    unsigned logged;    /* errors that are in the log, for either reason */
    unsigned early;     /* workers that have returned before they were ready, told by none */
    enum phase phase[MOST];
    bool was_ready[MOST];
};

static bool all_returned(const struct model *model)
{
    for (size_t i = 0; i < model->workers; i++)
        if (model->phase[i] != RETURNED)
            return false;
    return model->started;
}

static bool all_ready(const struct model *model)
{
    for (size_t i = 0; i < model->workers; i++)
        if (!model->was_ready[i])
            return false;
    return model->started;
}

/* Told to stop: the workers' context has ended and the shutdown handle closed. */
static bool shutting_down(const struct model *model)
{
    return model->started && (model->parent_cancelled || model->failed || all_returned(model));
}

/* ---- the machine: the model, the real thing, and the story so far ---- */

struct machine {
    struct model model;
    struct scope scope;
    struct scripted_worker workers[MOST];
    lc_manager *manager;
    uint64_t random;
    char story[4096];
    size_t told;
    const char *wrong; /* what was not as the model says; NULL: all is well */
};

static size_t draw(struct machine *machine, size_t bound)
{
    return (size_t)(check_random(&machine->random) % bound);
}

static void tell(struct machine *machine, const char *what, size_t worker)
{
    size_t left = sizeof machine->story - machine->told;
    int used = snprintf(machine->story + machine->told, left, worker < MOST ? " %s(%zu)" : " %s",
                        what, worker);
    if (used > 0 && (size_t)used < left)
        machine->told += (size_t)used;
}

static void claim(struct machine *machine, bool truth, const char *otherwise)
{
    if (!truth && !machine->wrong)
        machine->wrong = otherwise;
}

/* A handle that must be closed is waited for; one that must not be is looked at. */
static void claim_closed(struct machine *machine, lc_handle *handle, bool closed, const char *name)
{
    bool is = closed ? lc_handle_wait(handle, check_patience()) == 0 : lc_handle_is_closed(handle);
    claim(machine, is == closed, name);
}

static bool has_returned(void *arg)
{
    struct machine *machine = arg;
    lc_worker_status status[MOST];
    lc_manager_copy_workers(machine->manager, status, MOST);
    for (size_t i = 0; i < machine->model.workers; i++)
        if (machine->model.phase[i] == RETURNED && status[i].state != LC_WORKER_RETURNED)
            return false;
    return true;
}

/* The rows are right but for returns that are under way: those are waited for. */
static void compare_status(struct machine *machine)
{
    static const lc_worker_state wanted[] = {[WAITING] = LC_WORKER_PENDING,
                                             [STARTING] = LC_WORKER_STARTING,
                                             [RUNNING] = LC_WORKER_READY,
                                             [STOPPING] = LC_WORKER_STARTING,
                                             [RETURNED] = LC_WORKER_RETURNED};
    lc_worker_status status[MOST];
    claim(machine, check_until(has_returned, machine), "a worker is not said to have returned");
    claim(machine,
          lc_manager_copy_workers(machine->manager, status, MOST) == machine->model.workers,
          "the number of workers");
    for (size_t i = 0; i < machine->model.workers; i++) {
        enum phase phase = machine->model.phase[i];
        bool ready = machine->model.was_ready[i];
        lc_worker_state state = phase == STOPPING && ready ? LC_WORKER_READY : wanted[phase];
        claim(machine, status[i].state == state, "a worker's state");
        claim(machine, status[i].was_ready == ready, "whether a worker was ready");
    }
}

/* It is logged after the worker is said to have returned. */
static bool has_told_early(void *arg)
{
    struct machine *machine = arg;
    return check_log_count("returned before it was ready") == machine->model.early;
}

static void compare(struct machine *machine)
{
    const struct model *model = &machine->model;
    /*
     * Those that must not be closed first: if one wrongly closes soon, the waits below give it the
     * time.
     */
    for (int pass = 0; pass < 2; pass++) {
        bool closing = pass == 1;
        if (all_ready(model) == closing)
            claim_closed(machine, lc_manager_ready(machine->manager), closing, "ready");
        if (all_returned(model) == closing)
            claim_closed(machine, lc_manager_done(machine->manager), closing, "done");
        if (shutting_down(model) == closing)
            claim_closed(machine, lc_manager_shutdown(machine->manager), closing, "shutdown");
        if ((model->first_error >= 0) == closing)
            claim_closed(machine, lc_signaler_thrown(machine->scope.signaler), closing, "thrown");
    }
    compare_status(machine);
    for (size_t i = 0; i < model->workers; i++)
        if (machine->workers[i].context)
            claim(machine,
                  (lc_context_error(machine->workers[i].context) != NULL) == shutting_down(model),
                  "whether the workers' context has ended");
    claim(machine, (lc_context_error(machine->scope.context) != NULL) == model->parent_cancelled,
          "whether the parent has ended");
    claim(machine, check_log_count("worker failed") == model->logged,
          "the errors that were logged");
    claim(machine, check_log_count("unhandled error") == model->unhandled,
          "the errors that were logged as unhandled");
    claim(machine, check_log_count("failed while being stopped") == model->late,
          "the errors that were logged as late");
    claim(machine, check_until(has_told_early, machine), "the workers that returned too early");
    claim(machine, check_log_count("worker yielded") == 0, "the clean answers, dropped");
}

/* ---- steps ---- */

static void step_start(struct machine *machine)
{
    struct model *model = &machine->model;
    tell(machine, model->started ? "start-again" : "start", MOST);
    if (model->started) {
        lc_error *error = lc_manager_start(machine->manager, machine->scope.context);
        claim(machine, lc_error_code(error) == -EALREADY, "the second start's error");
        lc_error_unref(error);
        return;
    }
    claim(machine,
          worker_start(machine->manager, &machine->scope, machine->workers, model->workers),
          "the start");
    model->started = true;
    for (size_t i = 0; i < model->workers; i++)
        model->phase[i] = STARTING;
}

static void step_cancel(struct machine *machine)
{
    tell(machine, "cancel", MOST);
    scope_cancel(&machine->scope);
    machine->model.parent_cancelled = true;
}

static void step_ready(struct machine *machine, size_t worker)
{
    tell(machine, "ready", worker);
    claim(machine, worker_does(&machine->workers[worker], WORKER_READY), "the answer to ready");
    machine->model.was_ready[worker] = true;
    if (machine->model.phase[worker] == STARTING)
        machine->model.phase[worker] = RUNNING;
}

/* From outside, also when it is no longer of any use. */
static void step_ready_outside(struct machine *machine, size_t worker)
{
    struct model *model = &machine->model;
    tell(machine, "ready-outside", worker);
    lc_ready_signal(machine->workers[worker].ready);
    if (model->phase[worker] == RETURNED)
        return;
    model->was_ready[worker] = true;
    if (model->phase[worker] == STARTING)
        model->phase[worker] = RUNNING;
}

static void step_notice(struct machine *machine, size_t worker)
{
    if (!shutting_down(&machine->model))
        return;
    tell(machine, "notice", worker);
    claim(machine, worker_does(&machine->workers[worker], WORKER_AWAIT), "the answer to await");
    machine->model.phase[worker] = STOPPING;
}

/* The worker fails: is it the first error, and does it come after the stop? */
static void model_failure(struct model *model, size_t worker)
{
    bool late = shutting_down(model);
    bool first = model->first_error < 0;
    if (first)
        model->first_error = (int)worker;
    model->failed = true;
    model->unhandled += !first;
    model->late += late && !first;
    model->logged += !first;
}

/* The worker returns without an error. */
static void model_return(struct model *model, size_t worker)
{
    model->early += !model->was_ready[worker] && !shutting_down(model);
}

static void step_end(struct machine *machine, size_t worker)
{
    static const enum worker_order orders[] = {WORKER_RETURN, WORKER_RETURN, WORKER_EXIT,
                                               WORKER_FAIL,   WORKER_THROW,  WORKER_YIELD};
    static const char *const names[] = {"return", "return", "exit", "fail", "throw", "yield"};
    struct model *model = &machine->model;
    bool stopping = shutting_down(model);
    size_t drawn = draw(machine, sizeof orders / sizeof *orders - !stopping);
    tell(machine, names[drawn], worker);
    claim(machine, worker_told(&machine->workers[worker], orders[drawn]), "the order to end");
    if (orders[drawn] == WORKER_FAIL || orders[drawn] == WORKER_THROW)
        model_failure(model, worker);
    else
        model_return(model, worker);
    model->phase[worker] = RETURNED;
}

static void step_of_worker(struct machine *machine, size_t worker)
{
    bool returned = machine->model.phase[worker] == RETURNED;
    switch (returned ? 0 : draw(machine, 8)) {
    case 0:
        step_ready_outside(machine, worker);
        break;
    case 1:
    case 2:
    case 3:
        step_ready(machine, worker);
        break;
    case 4:
    case 5:
        step_notice(machine, worker);
        break;
    default:
        step_end(machine, worker);
    }
}

static void step(struct machine *machine)
{
    struct model *model = &machine->model;
    size_t drawn = draw(machine, 20);
    bool starts = model->started ? drawn == 18 : drawn < 14;
    bool cancels = model->started ? drawn == 19 : drawn > 16;
    if (starts)
        step_start(machine);
    else if (cancels)
        step_cancel(machine);
    else if (model->started && model->workers > 0)
        step_of_worker(machine, draw(machine, model->workers));
}

/* ---- a sequence ---- */

static struct scripted_worker shared[MOST]; /* made once: their channels are used again and again */

static void machine_init(struct machine *machine, uint64_t random)
{
    *machine = (struct machine){.random = random, .scope = scope_new(NULL)};
    machine->model.workers = draw(machine, MOST + 1);
    machine->model.first_error = -1;
    for (size_t i = 0; i < MOST; i++)
        machine->workers[i] = shared[i];
    machine->manager = worker_manager(machine->workers, machine->model.workers);
    check_log_capture();
}

/* What still runs returns, and the very end is compared as well. */
static void machine_finish(struct machine *machine)
{
    struct model *model = &machine->model;
    if (!model->started)
        step_start(machine);
    for (size_t i = 0; i < model->workers; i++) {
        if (model->phase[i] == RETURNED)
            continue;
        tell(machine, "finish", i);
        claim(machine, worker_told(&machine->workers[i], WORKER_RETURN), "the order to return");
        model_return(model, i);
        model->phase[i] = RETURNED;
    }
    compare(machine);
    lc_error *error = lc_signaler_take(machine->scope.signaler);
    lc_error *wanted = model->first_error < 0 ? NULL : machine->workers[model->first_error].error;
    claim(machine, error == wanted, "the error that was thrown");
    lc_error_unref(error);
}

static void machine_drop(struct machine *machine)
{
    check_log_release();
    lc_manager_unref(machine->manager);
    for (size_t i = 0; i < MOST; i++)
        worker_renew(&machine->workers[i]);
    scope_drop(&machine->scope);
}

static bool run_sequence(uint64_t random)
{
    struct machine machine;
    machine_init(&machine, random);
    compare(&machine);
    size_t steps = 3 + draw(&machine, 18);
    for (size_t i = 0; i < steps && !machine.wrong; i++) {
        step(&machine);
        compare(&machine);
    }
    if (!machine.wrong)
        machine_finish(&machine);
    if (machine.wrong) {
        fprintf(stderr,
                "\nmanager machine: %s is not as it should be after:%s\n"
                "again: LC_CHECK_SEQUENCE=%llu, suite \"manager machine\"\n",
                machine.wrong, machine.story, (unsigned long long)random);
        return false; /* its workers may still run: nothing is taken apart */
    }
    machine_drop(&machine);
    return true;
}

static void manager_does_what_the_model_says(void)
{
    const char *given = getenv("LC_CHECK_SEQUENCE");
    unsigned count = given ? 1 : check_count(2000, 100000);
    uint64_t seeds = check_seed();
    bool well = true;
    for (size_t i = 0; i < MOST; i++)
        worker_init(&shared[i], -(int)(100 + i));
    for (unsigned i = 0; i < count && well; i++)
        well = run_sequence(given ? strtoull(given, NULL, 0) : check_random(&seeds));
    CU_ASSERT_TRUE(well);
    for (size_t i = 0; i < MOST && well; i++)
        worker_drop(&shared[i]);
}

CHECK_SUITE(manager_machine, "property: manager machine",
            {"after each step of a random sequence a manager is what a small model says",
             manager_does_what_the_model_says});
