/*
 * isolate_model.c: random runs of isolates in a simulation, against a sequential model
 * (isolate_oracle.h). A driver does several things at a time, then waits until nothing moves any
 * more, and compares: what each handler has done and in what order, what each call has returned,
 * which watcher was told of errors and ends, and that what was moved was destroyed exactly once,
 * and not too soon.
 *
 * What one sender has sent, and control before it, is compared exactly. Of what isolates send each
 * other only what is promised: that all of it arrives, in each sender's order.
 */
#include "isolate_oracle.h"

#include "support/check.h"
#include "support/seeds.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 6, SLOTS_A_ROUND = 10 };

struct world;

/* What a message carries, moved or copied. */
struct parcel {
    struct world *world;
    unsigned step;
};

struct isolate {
    struct world *world;
    int index;
    unsigned generation;
    unsigned entry; /* a step */
    lc_isolate self;
    lc_handle *done; /* NULL: not asked for yet */
    lc_receive_port ports[PLACES];
    bool open[PLACES];
    lc_timer alarms[ALARMS + 1];
    /* As of the last look. */
    unsigned known_generation;
    bool known_to_refuse;
    lc_send_port known_ports[PLACES];
    unsigned reserved; /* the generation for which a step has been written that spawns the next */
    bool refuses;      /* has a limit */
};

struct world {
    struct oracle oracle;
    struct isolate isolates[ISOLATES];
    struct parcel parcels[STEPS];
    unsigned char carried[STEPS]; /* given to the library, moved */
    unsigned char over[STEPS];    /* destroyed, taken, or not taken over: how often */
    bool crosses[STEPS];          /* sent from one isolate to another */
    unsigned heard[STEPS];        /* of those: in this order */
    size_t heard_count, judged_count;
    lc_receive_port watchers[WATCHERS];
    lc_capability keys[KEYS];
    lc_isolate_group *group;
    lc_handle *never;
    int64_t epoch;
    uint64_t random;
    bool breaks_off; /* the simulation is left in the middle of everything */
    atomic_uint baton;
    unsigned compared;
};

static size_t draw(struct world *world, size_t bound)
{
    return (size_t)(check_random(&world->random) % bound);
}

static bool one_in(struct world *world, size_t bound)
{
    return draw(world, bound) == 0;
}

static int64_t slot_now(const struct world *world)
{
    return (lc_now() - world->epoch) / SLOT;
}

/*
 * All of it runs on one thread, and the driver looks when nothing moves. For a tool that does not
 * know that, as ThreadSanitizer, what one has written down is passed on by this.
 */
static void pass_on(struct world *world)
{
    atomic_fetch_add(&world->baton, 1);
}

/* ---- parcels ---- */

static void destroy_parcel(void *data)
{
    struct parcel *parcel = data;
    pass_on(parcel->world);
    parcel->world->over[parcel->step]++;
    pass_on(parcel->world);
}

static lc_payload payload_of(struct world *world, unsigned step)
{
    struct parcel *parcel = &world->parcels[step];
    *parcel = (struct parcel){world, step};
    bool moved = world->oracle.steps[step].moved;
    world->carried[step] = moved;
    pass_on(world);
    return (lc_payload){parcel, sizeof *parcel, moved ? destroy_parcel : NULL};
}

/* What was not taken over is the caller's. */
static int kept_if_failed(struct world *world, unsigned step, int result)
{
    if (result < 0 && world->oracle.steps[step].moved)
        world->over[step]++;
    return result;
}

/* ---- what handlers do ---- */

static lc_error *handle(lc_message *message, void *arg);

static struct note *write_note(struct isolate *isolate, unsigned step, bool deferred)
{
    struct model_isolate *model = &isolate->world->oracle.isolates[isolate->index];
    pass_on(isolate->world);
    struct note *note = &model->notes[model->note_count++];
    *note = (struct note){step, NO_RESULT, deferred};
    pass_on(isolate->world);
    return note;
}

static void note_deferred(void *arg)
{
    const struct parcel *parcel = arg;
    struct world *world = parcel->world;
    int isolate = world->oracle.steps[parcel->step].isolate;
    write_note(&world->isolates[isolate], parcel->step, true);
}

static int open_port(struct isolate *isolate, const struct step *step)
{
    lc_port_options options = {.size = sizeof options};
    if (isolate->open[step->place])
        return -EEXIST;
    options.handler = step->operation == DO_OPEN_DEAF ? NULL : handle;
    options.arg = isolate;
    options.weak = step->operation == DO_OPEN_WEAK;
    lc_receive_port port;
    int result = check_code(lc_port_open(&options, &port));
    isolate->open[step->place] = result == 0;
    if (result == 0)
        isolate->ports[step->place] = port;
    return result;
}

static int change_port(struct isolate *isolate, const struct step *step)
{
    lc_receive_port port = isolate->ports[step->place];
    if (step->operation == DO_WEAKEN || step->operation == DO_STRENGTHEN)
        return lc_port_set_weak(port, step->operation == DO_WEAKEN);
    if (step->operation == DO_CLOSE) {
        isolate->open[step->place] = false;
        return lc_port_close(port);
    }
    return lc_port_set_handler(port, step->operation == DO_LISTEN ? handle : NULL, isolate);
}

static int start_alarm(struct isolate *isolate, const struct step *step, int at)
{
    struct world *world = isolate->world;
    int64_t after = world->epoch + step->due * SLOT - lc_now();
    const lc_payload payload = payload_of(world, step->load);
    int result = lc_timer_start(isolate->ports[step->other_place].send, &payload, after,
                                step->period * SLOT, &isolate->alarms[at]);
    return kept_if_failed(world, step->load, result);
}

static int start_own_alarm(struct isolate *isolate, const struct step *step)
{
    lc_timer_cancel(isolate->alarms[step->place]);
    if (step->due > slot_now(isolate->world))
        return start_alarm(isolate, step, step->place);
    return -ETIME; /* and what it was to carry goes nowhere */
}

static int send_to(struct isolate *isolate, const struct step *step)
{
    struct world *world = isolate->world;
    struct isolate *other = &world->isolates[step->other];
    lc_send_port port = isolate->ports[step->other_place].send;
    if (other != isolate) {
        port = other->known_ports[step->other_place];
        if (other->known_generation != step->generation || other->known_to_refuse ||
            !lc_send_port_is_set(port))
            return -EXDEV;
        world->crosses[step->load] = true;
    }
    const lc_payload payload = payload_of(world, step->load);
    return kept_if_failed(world, step->load, lc_send_payload(port, &payload, LC_NOW));
}

static int spawn(struct world *world, int index, const struct settings *settings);

static lc_isolate myself(void)
{
    lc_isolate self = {LC_NO_PORT, LC_NO_CAPABILITY, LC_NO_CAPABILITY};
    lc_isolate_current(&self);
    return self;
}

static int ping(struct world *world, lc_isolate isolate, const struct step *step)
{
    const lc_payload payload = payload_of(world, step->load);
    int result = lc_isolate_ping(isolate, world->watchers[step->place].send, &payload,
                                 step->flag ? LC_PRIORITY_NEXT_EVENT : LC_PRIORITY_IMMEDIATE);
    return kept_if_failed(world, step->load, result);
}

static int breathe(struct world *world, int64_t time)
{
    int result = lc_handle_wait(world->never, lc_deadline_after(time));
    lc_isolate_check();
    return result == -ETIMEDOUT ? 0 : result;
}

/* Takes what the message has moved, if it is this that is handled. */
static int keep(struct world *world, unsigned at, lc_message *message)
{
    const struct parcel *parcel = message ? lc_message_data(message) : NULL;
    if (!parcel || parcel->step != at || !lc_message_take(message))
        return 0;
    world->over[at]++;
    return 1;
}

/* What ends the event. Returns only if it cannot be done. */
static int leave(struct isolate *isolate, unsigned at, lc_error **error)
{
    struct world *world = isolate->world;
    const struct step *step = &world->oracle.steps[at];
    lc_payload last;
    lc_context *context;
    switch (step->operation) {
    case DO_KILL_NOW:
        return lc_isolate_kill(myself(), LC_PRIORITY_IMMEDIATE);
    case DO_THROW:
        context = lc_isolate_context();
        if (!context)
            return -ENOMEM;
        lc_throw(context, lc_error_new(-EIO, "step %u", at));
    case DO_EXIT:
        last = payload_of(world, step->load);
        lc_isolate_exit(world->watchers[step->place].send, &last);
    default:
        *error = lc_error_new(-EIO, "step %u", at);
        return NO_RESULT;
    }
}

static int operation(struct isolate *isolate, unsigned at, lc_message *message, lc_error **error)
{
    struct world *world = isolate->world;
    const struct step *step = &world->oracle.steps[at];
    switch (step->operation) {
    case DO_NOTHING:
        return 0;
    case DO_OPEN:
    case DO_OPEN_WEAK:
    case DO_OPEN_DEAF:
        return open_port(isolate, step);
    case DO_CLOSE:
    case DO_LISTEN:
    case DO_IGNORE:
    case DO_WEAKEN:
    case DO_STRENGTHEN:
        return change_port(isolate, step);
    case DO_START_ALARM:
        return start_own_alarm(isolate, step);
    case DO_CANCEL_ALARM:
        return lc_timer_cancel(isolate->alarms[step->place]);
    case DO_SEND:
        return send_to(isolate, step);
    case DO_PAUSE:
        return lc_isolate_pause(myself(), world->keys[step->place]);
    case DO_PING:
        return ping(world, myself(), step);
    case DO_DEFER:
        world->parcels[at] = (struct parcel){world, at};
        return lc_defer(note_deferred, &world->parcels[at]);
    case DO_KEEP:
        return keep(world, at, message);
    case DO_WAIT:
        return breathe(world, SLOT / 2);
    case DO_BREATHE:
        return breathe(world, LC_MILLISECOND);
    case DO_FATAL:
        return lc_isolate_set_errors_fatal(myself(), step->flag);
    case DO_SPAWN:
        if (world->isolates[step->other].generation != step->generation)
            return -EXDEV;
        return spawn(world, step->other, &world->oracle.settings[step->other]);
    case DO_KILL:
        return lc_isolate_kill(myself(), LC_PRIORITY_DEFAULT);
    default:
        return leave(isolate, at, error);
    }
}

static lc_error *do_chain(struct isolate *isolate, unsigned at, lc_message *message)
{
    lc_error *error = NULL;
    while (at && !error) {
        struct note *note = write_note(isolate, at, false);
        int result = operation(isolate, at, message, &error);
        note->result = result;
        pass_on(isolate->world);
        at = isolate->world->oracle.steps[at].next;
    }
    return error;
}

static lc_error *handle(lc_message *message, void *arg)
{
    struct isolate *isolate = arg;
    struct world *world = isolate->world;
    unsigned step = ((struct parcel *)lc_message_data(message))->step;
    pass_on(world);
    if (world->crosses[step]) {
        world->heard[world->heard_count++] = step;
        pass_on(world);
        return NULL;
    }
    return do_chain(isolate, step, message);
}

static lc_error *enter(void *arg)
{
    struct isolate *isolate = arg;
    pass_on(isolate->world);
    return do_chain(isolate, isolate->entry, NULL);
}

static int spawn(struct world *world, int index, const struct settings *settings)
{
    struct isolate *isolate = &world->isolates[index];
    lc_isolate_options options = {.size = sizeof options};
    options.entry = enter;
    options.arg = isolate;
    options.paused = settings->paused;
    options.errors_not_fatal = settings->survives;
    options.hold_at_start = settings->hold_at_start;
    options.hold_at_exit = settings->hold_at_exit;
    options.group = settings->in_group ? world->group : NULL;
    options.executor = settings->in_group ? NULL : lc_executor_current();
    options.mailbox_limit = settings->limit;
    options.when_full = settings->when_full;
    if (settings->on_error >= 0)
        options.on_error = world->watchers[settings->on_error].send;
    if (settings->on_exit >= 0) {
        options.on_exit = world->watchers[settings->on_exit].send;
        options.exit_response = payload_of(world, settings->exit_step);
    }
    isolate->entry = settings->entry;
    lc_isolate self;
    lc_error *error = lc_isolate_spawn(&options, &self);
    int result = lc_error_code(error);
    lc_error_unref(error);
    if (settings->on_exit >= 0)
        kept_if_failed(world, settings->exit_step, result);
    if (result < 0)
        return result;
    lc_handle_unref(isolate->done);
    isolate->done = NULL;
    isolate->generation++;
    isolate->self = self;
    memset(isolate->open, 0, sizeof isolate->open);
    memset(isolate->ports, 0, sizeof isolate->ports);
    memset(isolate->alarms, 0, ALARMS * sizeof isolate->alarms[0]); /* the last is the driver's */
    return 0;
}

/* ---- writing steps ---- */

/* What may stand in a step. */
struct scope {
    int isolate;
    unsigned depth; /* how many messages it may lead to, one by the other */
    bool again;     /* it is done again and again: it carries nothing */
    bool waits;
    bool refuses; /* the isolate has a limit: it has no deaf ports */
};

static unsigned write_chain(struct world *world, struct scope scope);

static unsigned add_step(struct world *world, enum operation operation, int isolate)
{
    struct oracle *oracle = &world->oracle;
    unsigned at = ++oracle->step_count;
    if (at >= STEPS)
        abort();
    oracle->steps[at] =
        (struct step){.operation = operation, .isolate = isolate, .moved = !one_in(world, 3)};
    return at;
}

static enum operation draw_operation(struct world *world, const struct scope *scope)
{
    static const enum operation usual[] = {
        DO_NOTHING,    DO_NOTHING,     DO_NOTHING,     DO_OPEN,         DO_OPEN,   DO_OPEN_WEAK,
        DO_OPEN_DEAF,  DO_CLOSE,       DO_LISTEN,      DO_LISTEN,       DO_IGNORE, DO_WEAKEN,
        DO_STRENGTHEN, DO_START_ALARM, DO_START_ALARM, DO_CANCEL_ALARM, DO_SEND,   DO_SEND,
        DO_SEND,       DO_SEND,        DO_PAUSE,       DO_PING,         DO_DEFER,  DO_DEFER,
        DO_KEEP,       DO_WAIT,        DO_BREATHE,     DO_FATAL,        DO_SPAWN,
    };
    static const enum operation leaving[] = {DO_FAIL,     DO_FAIL, DO_THROW, DO_THROW,
                                             DO_KILL_NOW, DO_EXIT, DO_KILL};
    enum operation operation = one_in(world, 12)
                                   ? leaving[draw(world, sizeof leaving / sizeof *leaving)]
                                   : usual[draw(world, sizeof usual / sizeof *usual)];
    bool carries = operation == DO_START_ALARM || operation == DO_SEND || operation == DO_PING ||
                   operation == DO_SPAWN || operation == DO_EXIT;
    bool deafens = operation == DO_OPEN_DEAF || operation == DO_IGNORE;
    if ((carries && (scope->again || scope->depth == 0)) ||
        (operation == DO_WAIT && !scope->waits) || (deafens && scope->refuses))
        return DO_NOTHING;
    return operation;
}

static struct settings draw_settings(struct world *world, int isolate)
{
    static const size_t limits[] = {1, 3, LC_MAILBOX_UNLIMITED};
    struct settings settings = {
        .paused = one_in(world, 4),
        .survives = one_in(world, 2),
        .hold_at_start = one_in(world, 8),
        /* A last message for which there is no memory is missed only at the end. */
        .hold_at_exit = one_in(world, 8) && !world->oracle.faulty,
        .in_group = one_in(world, 2),
        .on_error = (int)draw(world, WATCHERS + 1) - 1,
        .on_exit = (int)draw(world, WATCHERS + 1) - 1,
        .limit = limits[one_in(world, 3) ? draw(world, 2) : 2],
        .when_full = (lc_when_full)draw(world, 3),
    };
    struct isolate *spawned = &world->isolates[isolate];
    spawned->refuses = settings.limit != LC_MAILBOX_UNLIMITED;
    if (settings.on_exit >= 0)
        settings.exit_step = add_step(world, DO_NOTHING, isolate);
    /* Nearly all open a port first. */
    if (!one_in(world, 10)) {
        settings.entry = add_step(world, DO_OPEN, isolate);
        unsigned rest = write_chain(world, (struct scope){.isolate = isolate,
                                                          .refuses = spawned->refuses,
                                                          .depth = one_in(world, 3)});
        world->oracle.steps[settings.entry].next = rest;
    }
    return settings;
}

/* An isolate that has ended, and that no other is to spawn. -1: there is none. */
static int free_isolate(struct world *world)
{
    for (int i = 0; i < ISOLATES; i++)
        if (!world->oracle.isolates[i].alive &&
            world->isolates[i].reserved != world->isolates[i].generation + 1)
            return i;
    return -1;
}

static void fill_spawn(struct world *world, struct step *step)
{
    int other = free_isolate(world);
    step->operation = DO_NOTHING;
    if (other < 0 || other == step->isolate)
        return;
    step->other = other;
    step->generation = world->isolates[other].generation;
    world->isolates[other].reserved = step->generation + 1;
    world->oracle.settings[other] = draw_settings(world, other);
    step->operation = DO_SPAWN;
}

/* Nearly always that of an open port, if there is one. */
static int draw_place(struct world *world, int isolate)
{
    int place = (int)draw(world, PLACES);
    for (int tries = 0; tries < 5 && !world->oracle.isolates[isolate].ports[place].open; tries++)
        place = (int)draw(world, PLACES);
    return place;
}

static void fill_send(struct world *world, struct step *step, struct scope scope)
{
    scope.depth--;
    scope.waits = false;
    step->other = one_in(world, 2) ? scope.isolate : (int)draw(world, ISOLATES);
    step->other_place = draw_place(world, step->other);
    step->generation = world->isolates[step->other].known_generation;
    if (step->other == scope.isolate)
        step->load = write_chain(world, scope);
    else
        step->load = add_step(world, DO_NOTHING, step->other);
}

static void fill_alarm(struct world *world, struct step *step, struct scope scope)
{
    scope.depth--;
    scope.waits = false;
    /* A copy for which there is no memory is left out; what repeats never comes to rest. */
    scope.again = !world->oracle.faulty && !world->breaks_off && one_in(world, 3);
    step->other_place = draw_place(world, scope.isolate);
    /* Two timers of an isolate never fire in the same slot: which came first would not be known. */
    int64_t round = world->oracle.slot / SLOTS_A_ROUND + (int64_t)draw(world, 3);
    step->due = round * SLOTS_A_ROUND + 2 * ((int64_t)step->place + 1) + (int64_t)draw(world, 2);
    step->period = scope.again ? SLOTS_A_ROUND : 0;
    step->load = write_chain(world, scope);
    if (scope.again)
        world->oracle.steps[step->load].moved = false;
}

static void fill_step(struct world *world, unsigned at, struct scope scope)
{
    struct step step = world->oracle.steps[at];
    step.place = (int)draw(world, step.operation == DO_PAUSE ? KEYS : PLACES);
    step.flag = one_in(world, 2);
    switch (step.operation) {
    case DO_SEND:
        fill_send(world, &step, scope);
        break;
    case DO_START_ALARM:
        step.place = (int)draw(world, ALARMS);
        fill_alarm(world, &step, scope);
        break;
    case DO_CANCEL_ALARM:
        step.place = (int)draw(world, ALARMS);
        break;
    case DO_SPAWN:
        fill_spawn(world, &step);
        break;
    case DO_PING:
    case DO_EXIT:
        step.place = (int)draw(world, WATCHERS);
        step.load = add_step(world, DO_NOTHING, step.isolate);
        break;
    default:
        break;
    }
    world->oracle.steps[at] = step;
}

static unsigned write_chain(struct world *world, struct scope scope)
{
    unsigned first = 0, last = 0;
    do {
        unsigned at = add_step(world, draw_operation(world, &scope), scope.isolate);
        fill_step(world, at, scope);
        if (last)
            world->oracle.steps[last].next = at;
        else
            first = at;
        last = at;
        scope.waits &= world->oracle.steps[at].operation != DO_WAIT;
    } while (one_in(world, 3));
    return first;
}

/* ---- what the driver does ---- */

/*
 * Compares what a call returned. `load`: what it carried. Where memory may run out a call may say
 * so, and has then done nothing.
 */
#define AGREES(world, load, real, model)                                                           \
    do {                                                                                           \
        int real_ = (real);                                                                        \
        if ((world)->oracle.faulty && real_ == -ENOMEM)                                            \
            (world)->oracle.gone[load] = true;                                                     \
        else                                                                                       \
            oracle_claim(&(world)->oracle, real_ == (model), "what " #real " returned");           \
    } while (0)

/* A message that waits may be waiting with a handler before it: one at a time. */
static bool has_wait(const struct world *world, int isolate)
{
    const struct oracle *oracle = &world->oracle;
    for (unsigned at = 1; at <= oracle->step_count; at++)
        if (oracle->steps[at].isolate == isolate && oracle->steps[at].operation == DO_WAIT)
            return true;
    return false;
}

static struct scope scope_of(struct world *world, int isolate)
{
    return (struct scope){
        .isolate = isolate,
        .depth = 2,
        .waits = !has_wait(world, isolate),
        .refuses = world->isolates[isolate].refuses,
    };
}

static void do_send(struct world *world, int isolate)
{
    unsigned step = write_chain(world, scope_of(world, isolate));
    int place = draw_place(world, isolate);
    const lc_payload payload = payload_of(world, step);
    int result = lc_send_payload(world->isolates[isolate].ports[place].send, &payload, LC_NOW);
    AGREES(world, step, kept_if_failed(world, step, result),
           oracle_send(&world->oracle, isolate, place, step, false));
}

static void do_spawn(struct world *world, int isolate)
{
    const struct settings settings = draw_settings(world, isolate);
    AGREES(world, settings.exit_step, spawn(world, isolate, &settings),
           oracle_spawn(&world->oracle, isolate, &settings));
}

static void do_ping(struct world *world, int isolate)
{
    unsigned at = add_step(world, DO_PING, isolate);
    struct step *step = &world->oracle.steps[at];
    step->place = (int)draw(world, WATCHERS);
    step->flag = one_in(world, 2);
    step->load = add_step(world, DO_NOTHING, isolate);
    AGREES(world, step->load, ping(world, world->isolates[isolate].self, step),
           oracle_ping(&world->oracle, isolate, step->place, step->load, step->flag));
}

static void do_listen_exit(struct world *world, int isolate)
{
    unsigned step = add_step(world, DO_NOTHING, isolate);
    int watcher = (int)draw(world, WATCHERS);
    const lc_payload payload = payload_of(world, step);
    int result = lc_isolate_add_exit_listener(world->isolates[isolate].self,
                                              world->watchers[watcher].send, &payload);
    AGREES(world, step, kept_if_failed(world, step, result),
           oracle_listen_exit(&world->oracle, isolate, watcher, step));
}

static void do_listening(struct world *world, int isolate)
{
    struct oracle *oracle = &world->oracle;
    lc_isolate self = world->isolates[isolate].self;
    int watcher = (int)draw(world, WATCHERS);
    lc_send_port port = world->watchers[watcher].send;
    switch (draw(world, 4)) {
    case 0:
        do_listen_exit(world, isolate);
        break;
    case 1:
        AGREES(world, 0, lc_isolate_remove_exit_listener(self, port),
               oracle_unlisten_exit(oracle, isolate, watcher));
        break;
    case 2:
        AGREES(world, 0, lc_isolate_add_error_listener(self, port),
               oracle_listen_error(oracle, isolate, watcher));
        break;
    default:
        AGREES(world, 0, lc_isolate_remove_error_listener(self, port),
               oracle_unlisten_error(oracle, isolate, watcher));
    }
}

static lc_capability key_of(struct world *world, int isolate, int key)
{
    return key == KEYS ? world->isolates[isolate].self.pause : world->keys[key];
}

static void do_pause_or_resume(struct world *world, int isolate)
{
    struct oracle *oracle = &world->oracle;
    int key = (int)draw(world, KEYS + 1);
    for (int i = 0; i <= KEYS && !one_in(world, 4); i++)
        key = oracle->isolates[isolate].paused[i] ? i : key;
    lc_capability resume = key_of(world, isolate, key);
    if (one_in(world, 5))
        AGREES(world, 0, lc_isolate_pause(world->isolates[isolate].self, resume),
               oracle_pause(oracle, isolate, key));
    else
        AGREES(world, 0, lc_isolate_resume(world->isolates[isolate].self, resume),
               oracle_resume(oracle, isolate, key));
}

static void do_kill(struct world *world, int isolate)
{
    bool at_once = one_in(world, 2);
    AGREES(world, 0,
           lc_isolate_kill(world->isolates[isolate].self,
                           at_once ? LC_PRIORITY_IMMEDIATE : LC_PRIORITY_NEXT_EVENT),
           oracle_kill(&world->oracle, isolate, at_once));
}

/* Without the capability, or with the wrong one. */
static void do_without_right(struct world *world, int isolate)
{
    lc_isolate weak = world->isolates[isolate].self;
    int wanted = oracle_anything(&world->oracle, isolate) < 0 ? -ESRCH : -EPERM;
    weak.pause = one_in(world, 2) ? LC_NO_CAPABILITY : weak.terminate;
    weak.terminate = one_in(world, 2) ? LC_NO_CAPABILITY : world->isolates[isolate].self.pause;
    AGREES(world, 0, lc_isolate_pause(weak, world->keys[0]), wanted);
    AGREES(world, 0, lc_isolate_resume(weak, world->keys[0]), wanted);
    AGREES(world, 0, lc_isolate_kill(weak, LC_PRIORITY_IMMEDIATE), wanted);
    AGREES(world, 0, lc_isolate_set_errors_fatal(weak, true), wanted);
    AGREES(world, 0, lc_isolate_end_hold(weak), wanted);
}

static void do_alarm(struct world *world, int isolate)
{
    struct oracle *oracle = &world->oracle;
    struct isolate *real = &world->isolates[isolate];
    if (oracle->isolates[isolate].alarms[ALARMS].armed || one_in(world, 3)) {
        AGREES(world, 0, lc_timer_cancel(real->alarms[ALARMS]),
               oracle_cancel_alarm(oracle, isolate, ALARMS));
        return;
    }
    unsigned at = add_step(world, DO_START_ALARM, isolate);
    struct step step = oracle->steps[at];
    step.place = ALARMS;
    fill_alarm(world, &step, scope_of(world, isolate));
    oracle->steps[at] = step;
    AGREES(world, step.load, start_alarm(real, &step, ALARMS),
           oracle_start_alarm(oracle, isolate, ALARMS, step.other_place, at));
}

static void do_something(struct world *world, int isolate)
{
    struct oracle *oracle = &world->oracle;
    bool ever = world->isolates[isolate].generation > 0;
    if (!oracle->isolates[isolate].alive && (!ever || !one_in(world, 5))) {
        if (world->isolates[isolate].reserved != world->isolates[isolate].generation + 1 ||
            one_in(world, 3))
            do_spawn(world, isolate);
        return;
    }
    /* Before its entry has run there is nothing to send to. */
    bool ready = oracle->isolates[isolate].ports[0].number > 0;
    switch (draw(world, ready || one_in(world, 8) ? 20 : 10)) {
    case 0:
        do_ping(world, isolate);
        break;
    case 1:
    case 2:
        do_listening(world, isolate);
        break;
    case 3:
    case 4:
    case 5:
        do_pause_or_resume(world, isolate);
        break;
    case 6:
        if (one_in(world, 3))
            do_kill(world, isolate);
        break;
    case 7:
        do_without_right(world, isolate);
        break;
    case 8:
        do_alarm(world, isolate);
        break;
    case 9:
        AGREES(world, 0, lc_isolate_end_hold(world->isolates[isolate].self),
               oracle_end_hold(oracle, isolate));
        break;
    default:
        do_send(world, isolate);
    }
}

/* ---- comparing ---- */

/* Where it was thrown, or returned; 0: that is not known. */
static unsigned step_of(const lc_error *error)
{
    const char *message = lc_error_message(error);
    bool told = strncmp(message, "step ", strlen("step ")) == 0;
    return told ? (unsigned)strtoul(message + strlen("step "), NULL, 10) : 0;
}

static void see(struct world *world, int watcher, const lc_message *message)
{
    struct oracle *oracle = &world->oracle;
    const lc_error *error = lc_message_error(message);
    const struct parcel *parcel = lc_message_data(message);
    unsigned step = error ? step_of(error) : parcel->step;
    if (step == 0) {
        oracle_claim(oracle, oracle->faulty, "an error that was not thrown");
        return; /* there was no memory for its message */
    }
    oracle_claim(oracle, oracle_see(oracle, watcher, step, error != NULL),
                 "what a watcher was told, or in which order");
    bool thrown = error && oracle->steps[step].operation == DO_THROW;
    if (error && !oracle->faulty)
        oracle_claim(oracle, thrown == (lc_message_backtrace(message) != NULL), "a backtrace");
}

static void read_watchers(struct world *world)
{
    for (int i = 0; i < WATCHERS; i++) {
        lc_message *message;
        while (lc_port_receive(world->watchers[i], &message, LC_NOW) == 0) {
            see(world, i, message);
            lc_message_free(message);
        }
    }
    oracle_claim(&world->oracle, oracle_all_seen(&world->oracle), "that watchers were told all");
}

/* Whether one of those heard before, by the same way, was sent later. */
static bool is_overtaken(const struct world *world, size_t at)
{
    const struct oracle *oracle = &world->oracle;
    const struct crossing *this = &oracle->crossings[world->heard[at]];
    for (size_t i = 0; i < at; i++) {
        const struct crossing *before = &oracle->crossings[world->heard[i]];
        bool same_way = before->from == this->from && before->to == this->to &&
                        before->generation == this->generation;
        bool even = before->number == this->number || !oracle->isolates[this->to].uneven;
        if (same_way && even && before->stamp > this->stamp)
            return true;
    }
    return false;
}

static void compare_crossings(struct world *world)
{
    struct oracle *oracle = &world->oracle;
    for (; world->judged_count < world->heard_count; world->judged_count++) {
        unsigned step = world->heard[world->judged_count];
        oracle_claim(oracle, oracle->crossings[step].sent && !oracle->gone[step],
                     "a message between isolates, twice or never sent");
        oracle_claim(oracle, !is_overtaken(world, world->judged_count),
                     "the order of what an isolate has sent another");
        oracle->gone[step] = true;
    }
    for (unsigned step = 1; step <= oracle->step_count; step++) {
        if (!oracle->crossings[step].sent || oracle->gone[step])
            continue;
        oracle_claim(oracle, !oracle_is_due(oracle, step), "a message between isolates is lost");
        oracle->gone[step] = oracle_is_dropped(oracle, step);
    }
}

static void compare_parcels(struct world *world)
{
    for (unsigned step = 1; step <= world->oracle.step_count; step++)
        if (world->carried[step])
            oracle_claim(&world->oracle, world->over[step] == world->oracle.gone[step],
                         "how often what was moved was destroyed");
}

static void compare_isolate(struct world *world, int index)
{
    struct oracle *oracle = &world->oracle;
    struct isolate *isolate = &world->isolates[index];
    struct model_isolate *model = &oracle->isolates[index];
    if (isolate->generation == 0)
        return;
    oracle_claim(oracle, isolate->generation == model->generation, "how many were spawned");
    oracle_claim(oracle, lc_isolate_read_state(isolate->self) == oracle_state(oracle, index),
                 "an isolate's state");
    if (!isolate->done)
        isolate->done = lc_isolate_done(isolate->self);
    if (isolate->done)
        oracle_claim(oracle, lc_handle_is_closed(isolate->done) == !model->alive, "done");
    isolate->known_generation = model->generation;
    isolate->known_to_refuse = model->settings.limit != LC_MAILBOX_UNLIMITED;
    for (int i = 0; i < PLACES; i++) {
        lc_send_port port = isolate->ports[i].send;
        oracle_claim(oracle, lc_port_is_open(port) == (model->alive && model->ports[i].open),
                     "whether a port is open");
        isolate->known_ports[i] = port;
    }
}

/* Lets time pass until then, when nothing moves any more, and compares. */
static void look(struct world *world, int64_t time, bool waits_over)
{
    pass_on(world);
    int result = lc_handle_wait(world->never, time);
    pass_on(world);
    oracle_claim(&world->oracle, result == -ETIMEDOUT, "the driver's wait");
    oracle_run(&world->oracle, waits_over);
    if (!world->oracle.wrong)
        read_watchers(world);
    if (!world->oracle.wrong)
        compare_crossings(world);
    for (int i = 0; i < ISOLATES && !world->oracle.wrong; i++)
        compare_isolate(world, i);
    if (!world->oracle.wrong)
        compare_parcels(world);
    oracle_settle(&world->oracle);
    world->compared++;
    pass_on(world);
}

/* ---- a run ---- */

static void do_some(struct world *world, size_t most)
{
    for (size_t left = draw(world, most + 1); left > 0 && !world->oracle.wrong; left--)
        do_something(world, (int)draw(world, ISOLATES));
}

static void pass_slots(struct world *world, int64_t until)
{
    struct oracle *oracle = &world->oracle;
    while (oracle->slot < until && !oracle->wrong) {
        oracle->slot++;
        oracle_fire(oracle);
        look(world, world->epoch + (oracle->slot + 1) * SLOT - LC_SECOND, true);
    }
}

/* Two handfuls of doings, the second while some still wait, and then what the timers bring. */
static void run_round(struct world *world, unsigned round)
{
    struct oracle *oracle = &world->oracle;
    int64_t begin = (int64_t)round * SLOTS_A_ROUND;
    oracle->slot = begin;
    lc_handle_wait(world->never, world->epoch + begin * SLOT);
    do_some(world, 60);
    look(world, world->epoch + begin * SLOT + LC_SECOND, false);
    if (!oracle->wrong)
        do_some(world, 20);
    look(world, world->epoch + (begin + 1) * SLOT, true);
    pass_slots(world, begin + SLOTS_A_ROUND - 1);
}

static void end_one(struct world *world, int isolate)
{
    struct oracle *oracle = &world->oracle;
    lc_isolate self = world->isolates[isolate].self;
    AGREES(world, 0, lc_isolate_kill(self, LC_PRIORITY_DEFAULT),
           oracle_kill(oracle, isolate, false));
    AGREES(world, 0, lc_timer_cancel(world->isolates[isolate].alarms[ALARMS]),
           oracle_cancel_alarm(oracle, isolate, ALARMS));
    AGREES(world, 0, lc_isolate_end_hold(self), oracle_end_hold(oracle, isolate));
}

static void end_run(struct world *world)
{
    struct oracle *oracle = &world->oracle;
    oracle->slot++;
    if (!world->breaks_off && one_in(world, 2)) {
        int result = lc_isolate_group_shutdown(world->group, LC_NOW);
        while (oracle->faulty && result == -ENOMEM)
            result = lc_isolate_group_shutdown(world->group, LC_NOW);
        oracle_claim(oracle, result == 0 || result == -ETIMEDOUT, "the group's shutdown");
        oracle_group_down(oracle);
    }
    for (int i = 0; i < ISOLATES; i++)
        if (world->isolates[i].generation > 0 && !world->breaks_off)
            end_one(world, i);
    look(world, lc_deadline_after(SLOT), true);
    bool ended = true;
    for (int i = 0; i < ISOLATES; i++)
        ended &= !oracle->isolates[i].alive;
    if (!world->breaks_off)
        oracle_claim(oracle, ended, "that all have ended");
}

/* So that no later message needs memory to lie in a watcher's port. */
static void make_room(struct world *world, lc_receive_port port)
{
    lc_message *message;
    for (int left = 200; left > 0;)
        left -= lc_send(port.send, NULL, 0) == 0;
    while (lc_port_receive(port, &message, LC_NOW) == 0)
        lc_message_free(message);
    oracle_claim(&world->oracle, lc_port_is_open(port.send), "a watcher's port");
}

static void open_world(struct world *world)
{
    lc_isolate_group_options options = {.size = sizeof options};
    options.executor = lc_executor_current();
    for (int i = 0; i < WATCHERS; i++) {
        while (check_code(lc_port_open(NULL, &world->watchers[i])) < 0)
            continue;
        make_room(world, world->watchers[i]);
    }
    for (int i = 0; i < KEYS; i++)
        world->keys[i] = lc_capability_new();
    while (!world->group)
        lc_error_unref(lc_isolate_group_new(&options, &world->group));
    while (!world->never)
        world->never = lc_handle_new();
    for (int i = 0; i < ISOLATES; i++) {
        world->isolates[i].world = world;
        world->isolates[i].index = i;
    }
    world->epoch = lc_now();
}

static void close_world(struct world *world)
{
    pass_on(world);
    for (int i = 0; i < WATCHERS; i++)
        lc_port_close(world->watchers[i]);
    for (int i = 0; i < ISOLATES; i++) {
        lc_handle_unref(world->isolates[i].done);
        world->isolates[i].done = NULL; /* those that are left may still spawn */
    }
    lc_isolate_group_unref(world->group);
    pass_on(world);
}

static lc_error *run(void *arg)
{
    struct world *world = arg;
    open_world(world);
    for (unsigned round = 0; round < ROUNDS && !world->oracle.wrong; round++)
        run_round(world, round);
    if (!world->oracle.wrong)
        end_run(world);
    else
        lc_isolate_group_shutdown(world->group, LC_NOW);
    for (int i = 0; i < ISOLATES && world->oracle.wrong; i++) {
        lc_timer_cancel(world->isolates[i].alarms[ALARMS]);
        lc_isolate_kill(world->isolates[i].self, LC_PRIORITY_DEFAULT);
    }
    close_world(world);
    return NULL;
}

/* ---- the simulations ---- */

struct way {
    bool delays;
    bool faulty;
    bool breaks_off;
};

static void judge(struct world *world, int code)
{
    CU_ASSERT_PTR_NULL(world->oracle.wrong);
    if (world->oracle.wrong) {
        fprintf(stderr, "\nisolates: not as it should be in slot %lld: %s\n",
                (long long)world->oracle.slot, world->oracle.wrong);
        return;
    }
    CU_ASSERT_TRUE(world->compared > ROUNDS * SLOTS_A_ROUND);
    CU_ASSERT_TRUE(code == 0 || (world->breaks_off && code == -EDEADLK));
    for (unsigned step = 1; step <= world->oracle.step_count; step++)
        if (world->carried[step])
            CU_ASSERT_EQUAL(world->over[step], 1);
}

static lc_error *cancel_alarms(void *arg)
{
    struct world *world = arg;
    for (int i = 0; i < ISOLATES; i++)
        lc_timer_cancel(world->isolates[i].alarms[ALARMS]);
    return NULL;
}

static void run_seed(const void *arg, uint64_t seed)
{
    const struct way *way = arg;
    lc_simulation_options options = {.size = sizeof options};
    options.seed = seed;
    options.delay_one_in = way->delays ? 5 : 0;
    options.delay_max = LC_MILLISECOND;
    options.early_one_in = way->delays ? 7 : 0;
    options.fail_one_in = way->faulty ? 30 : 0;
    struct world *world = calloc(1, sizeof *world);
    lc_executor *executor;
    if (!world)
        abort();
    world->random = seed;
    world->breaks_off = way->breaks_off;
    world->oracle.faulty = way->faulty;
    CHECK_SUCCESS(lc_executor_new_simulated(&options, &executor));
    lc_error *error = lc_executor_run(executor, run, world);
    int code = lc_error_code(error);
    lc_error_unref(error);
    int freed = lc_executor_free(executor);
    if (freed == -EBUSY && way->breaks_off) {
        /* All have ended by themselves, and timers without an owner are left, of that world. */
        CHECK_SUCCESS(lc_executor_run(executor, cancel_alarms, world));
        freed = lc_executor_free(executor);
    }
    CU_ASSERT_EQUAL(freed, 0);
    judge(world, code);
    lc_handle_unref(world->never);
    free(world);
}

static void runs_are_as_the_model_says(void)
{
    check_seeds(run_seed, &(struct way){.delays = false});
}

static void with_delays(void)
{
    check_seeds(run_seed, &(struct way){.delays = true});
}

static void with_faults(void)
{
    check_seeds(run_seed, &(struct way){.delays = true, .faulty = true});
}

static void broken_off(void)
{
    check_seeds(run_seed, &(struct way){.breaks_off = true});
}

CHECK_SUITE(isolate_model, "property: isolates, simulated, against a model",
            {"random runs are as the model says", runs_are_as_the_model_says},
            {"random runs with wake-ups that come late, and early, are as the model says",
             with_delays},
            {"random runs in which any allocation may fail are as the model says", with_faults},
            {"a run that is broken off destroys what was moved once", broken_off});
