/*
 * isolate_model.c: random plays of isolates in a simulation, against a sequential model
 * (isolate_oracle.h). A driver does several things at a time, then waits until nothing moves any
 * more, and compares: what each handler has done and in what order, what each call has returned,
 * which watcher was told of errors and ends, and that what was moved was destroyed exactly once,
 * and not too soon.
 *
 * What one sender has sent, and control before it, is compared exactly. Of what actors send each
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
    unsigned line;
};

struct actor {
    struct world *world;
    int index;
    unsigned generation;
    unsigned entry; /* a line */
    lc_isolate self;
    lc_handle *done; /* NULL: not asked for yet */
    lc_receive_port ports[PLACES];
    bool open[PLACES];
    lc_timer alarms[ALARMS + 1];
    /* As of the last look. */
    unsigned known_generation;
    bool known_to_refuse;
    lc_send_port known_ports[PLACES];
    unsigned reserved; /* the generation for which a line has been written that spawns the next */
    bool refuses;      /* has a limit */
};

struct world {
    struct oracle oracle;
    struct actor actors[ACTORS];
    struct parcel parcels[LINES];
    unsigned char carried[LINES]; /* given to the library, moved */
    unsigned char over[LINES];    /* destroyed, taken, or not taken over: how often */
    bool crosses[LINES];          /* sent from one actor to another */
    unsigned heard[LINES];        /* of those: in this order */
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
    parcel->world->over[parcel->line]++;
    pass_on(parcel->world);
}

static lc_payload payload_of(struct world *world, unsigned line)
{
    struct parcel *parcel = &world->parcels[line];
    *parcel = (struct parcel){world, line};
    bool moved = world->oracle.lines[line].moved;
    world->carried[line] = moved;
    pass_on(world);
    return (lc_payload){parcel, sizeof *parcel, moved ? destroy_parcel : NULL};
}

/* What was not taken over is the caller's. */
static int kept_if_failed(struct world *world, unsigned line, int result)
{
    if (result < 0 && world->oracle.lines[line].moved)
        world->over[line]++;
    return result;
}

/* ---- what handlers do ---- */

static lc_error *handle(lc_message *message, void *arg);

static struct note *write_note(struct actor *actor, unsigned line, bool deferred)
{
    struct model_actor *model = &actor->world->oracle.actors[actor->index];
    pass_on(actor->world);
    struct note *note = &model->notes[model->note_count++];
    *note = (struct note){line, NO_RESULT, deferred};
    pass_on(actor->world);
    return note;
}

static void note_deferred(void *arg)
{
    const struct parcel *parcel = arg;
    struct world *world = parcel->world;
    int actor = world->oracle.lines[parcel->line].actor;
    write_note(&world->actors[actor], parcel->line, true);
}

static int open_port(struct actor *actor, const struct line *line)
{
    lc_port_options options = {.size = sizeof options};
    if (actor->open[line->place])
        return -EEXIST;
    options.handler = line->act == ACT_OPEN_DEAF ? NULL : handle;
    options.arg = actor;
    options.weak = line->act == ACT_OPEN_WEAK;
    lc_receive_port port;
    int result = check_code(lc_port_open(&options, &port));
    actor->open[line->place] = result == 0;
    if (result == 0)
        actor->ports[line->place] = port;
    return result;
}

static int change_port(struct actor *actor, const struct line *line)
{
    lc_receive_port port = actor->ports[line->place];
    if (line->act == ACT_WEAKEN || line->act == ACT_STRENGTHEN)
        return lc_port_set_weak(port, line->act == ACT_WEAKEN);
    if (line->act == ACT_CLOSE) {
        actor->open[line->place] = false;
        return lc_port_close(port);
    }
    return lc_port_set_handler(port, line->act == ACT_LISTEN ? handle : NULL, actor);
}

static int start_alarm(struct actor *actor, const struct line *line, int at)
{
    struct world *world = actor->world;
    int64_t after = world->epoch + line->due * SLOT - lc_now();
    const lc_payload payload = payload_of(world, line->load);
    int result = lc_timer_start(actor->ports[line->other_place].send, &payload, after,
                                line->period * SLOT, &actor->alarms[at]);
    return kept_if_failed(world, line->load, result);
}

static int start_own_alarm(struct actor *actor, const struct line *line)
{
    lc_timer_cancel(actor->alarms[line->place]);
    if (line->due > slot_now(actor->world))
        return start_alarm(actor, line, line->place);
    return -ETIME; /* and what it was to carry goes nowhere */
}

static int send_to(struct actor *actor, const struct line *line)
{
    struct world *world = actor->world;
    struct actor *other = &world->actors[line->other];
    lc_send_port port = actor->ports[line->other_place].send;
    if (other != actor) {
        port = other->known_ports[line->other_place];
        if (other->known_generation != line->generation || other->known_to_refuse ||
            !lc_send_port_is_set(port))
            return -EXDEV;
        world->crosses[line->load] = true;
    }
    const lc_payload payload = payload_of(world, line->load);
    return kept_if_failed(world, line->load, lc_send_payload(port, &payload, LC_NOW));
}

static int spawn(struct world *world, int index, const struct casting *casting);

static lc_isolate myself(void)
{
    lc_isolate self = {LC_NO_PORT, LC_NO_CAPABILITY, LC_NO_CAPABILITY};
    lc_isolate_current(&self);
    return self;
}

static int ping(struct world *world, lc_isolate isolate, const struct line *line)
{
    const lc_payload payload = payload_of(world, line->load);
    int result = lc_isolate_ping(isolate, world->watchers[line->place].send, &payload,
                                 line->flag ? LC_PRIORITY_NEXT_EVENT : LC_PRIORITY_IMMEDIATE);
    return kept_if_failed(world, line->load, result);
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
    if (!parcel || parcel->line != at || !lc_message_take(message))
        return 0;
    world->over[at]++;
    return 1;
}

/* What ends the event. Returns only if it cannot be done. */
static int leave(struct actor *actor, unsigned at, lc_error **error)
{
    struct world *world = actor->world;
    const struct line *line = &world->oracle.lines[at];
    lc_payload last;
    lc_context *context;
    switch (line->act) {
    case ACT_KILL_NOW:
        return lc_isolate_kill(myself(), LC_PRIORITY_IMMEDIATE);
    case ACT_THROW:
        context = lc_isolate_context();
        if (!context)
            return -ENOMEM;
        lc_throw(context, lc_error_new(-EIO, "line %u", at));
    case ACT_EXIT:
        last = payload_of(world, line->load);
        lc_isolate_exit(world->watchers[line->place].send, &last);
    default:
        *error = lc_error_new(-EIO, "line %u", at);
        return NO_RESULT;
    }
}

static int act(struct actor *actor, unsigned at, lc_message *message, lc_error **error)
{
    struct world *world = actor->world;
    const struct line *line = &world->oracle.lines[at];
    switch (line->act) {
    case ACT_NOTHING:
        return 0;
    case ACT_OPEN:
    case ACT_OPEN_WEAK:
    case ACT_OPEN_DEAF:
        return open_port(actor, line);
    case ACT_CLOSE:
    case ACT_LISTEN:
    case ACT_IGNORE:
    case ACT_WEAKEN:
    case ACT_STRENGTHEN:
        return change_port(actor, line);
    case ACT_START_ALARM:
        return start_own_alarm(actor, line);
    case ACT_CANCEL_ALARM:
        return lc_timer_cancel(actor->alarms[line->place]);
    case ACT_SEND:
        return send_to(actor, line);
    case ACT_PAUSE:
        return lc_isolate_pause(myself(), world->keys[line->place]);
    case ACT_PING:
        return ping(world, myself(), line);
    case ACT_DEFER:
        world->parcels[at] = (struct parcel){world, at};
        return lc_defer(note_deferred, &world->parcels[at]);
    case ACT_KEEP:
        return keep(world, at, message);
    case ACT_WAIT:
        return breathe(world, SLOT / 2);
    case ACT_BREATHE:
        return breathe(world, LC_MILLISECOND);
    case ACT_FATAL:
        return lc_isolate_set_errors_fatal(myself(), line->flag);
    case ACT_SPAWN:
        if (world->actors[line->other].generation != line->generation)
            return -EXDEV;
        return spawn(world, line->other, &world->oracle.castings[line->other]);
    case ACT_KILL:
        return lc_isolate_kill(myself(), LC_PRIORITY_DEFAULT);
    default:
        return leave(actor, at, error);
    }
}

static lc_error *do_chain(struct actor *actor, unsigned at, lc_message *message)
{
    lc_error *error = NULL;
    while (at && !error) {
        struct note *note = write_note(actor, at, false);
        int result = act(actor, at, message, &error);
        note->result = result;
        pass_on(actor->world);
        at = actor->world->oracle.lines[at].next;
    }
    return error;
}

static lc_error *handle(lc_message *message, void *arg)
{
    struct actor *actor = arg;
    struct world *world = actor->world;
    unsigned line = ((struct parcel *)lc_message_data(message))->line;
    pass_on(world);
    if (world->crosses[line]) {
        world->heard[world->heard_count++] = line;
        pass_on(world);
        return NULL;
    }
    return do_chain(actor, line, message);
}

static lc_error *enter(void *arg)
{
    struct actor *actor = arg;
    pass_on(actor->world);
    return do_chain(actor, actor->entry, NULL);
}

static int spawn(struct world *world, int index, const struct casting *casting)
{
    struct actor *actor = &world->actors[index];
    lc_isolate_options options = {.size = sizeof options};
    options.entry = enter;
    options.arg = actor;
    options.paused = casting->paused;
    options.errors_not_fatal = casting->survives;
    options.hold_at_start = casting->hold_at_start;
    options.hold_at_exit = casting->hold_at_exit;
    options.group = casting->in_group ? world->group : NULL;
    options.executor = casting->in_group ? NULL : lc_executor_current();
    options.mailbox_limit = casting->limit;
    options.when_full = casting->when_full;
    if (casting->on_error >= 0)
        options.on_error = world->watchers[casting->on_error].send;
    if (casting->on_exit >= 0) {
        options.on_exit = world->watchers[casting->on_exit].send;
        options.exit_response = payload_of(world, casting->exit_line);
    }
    actor->entry = casting->entry;
    lc_isolate self;
    lc_error *error = lc_isolate_spawn(&options, &self);
    int result = lc_error_code(error);
    lc_error_unref(error);
    if (casting->on_exit >= 0)
        kept_if_failed(world, casting->exit_line, result);
    if (result < 0)
        return result;
    lc_handle_unref(actor->done);
    actor->done = NULL;
    actor->generation++;
    actor->self = self;
    memset(actor->open, 0, sizeof actor->open);
    memset(actor->ports, 0, sizeof actor->ports);
    memset(actor->alarms, 0, ALARMS * sizeof actor->alarms[0]); /* the last is the driver's */
    return 0;
}

/* ---- writing lines ---- */

/* What may stand in a line. */
struct scope {
    int actor;
    unsigned depth; /* how many messages it may lead to, one by the other */
    bool again;     /* it is done again and again: it carries nothing */
    bool waits;
    bool refuses; /* the actor has a limit: it has no deaf ports */
};

static unsigned write_chain(struct world *world, struct scope scope);

static unsigned add_line(struct world *world, enum act act, int actor)
{
    struct oracle *oracle = &world->oracle;
    unsigned at = ++oracle->line_count;
    if (at >= LINES)
        abort();
    oracle->lines[at] = (struct line){.act = act, .actor = actor, .moved = !one_in(world, 3)};
    return at;
}

static enum act draw_act(struct world *world, const struct scope *scope)
{
    static const enum act usual[] = {
        ACT_NOTHING,      ACT_NOTHING,   ACT_NOTHING,    ACT_OPEN,        ACT_OPEN,
        ACT_OPEN_WEAK,    ACT_OPEN_DEAF, ACT_CLOSE,      ACT_LISTEN,      ACT_LISTEN,
        ACT_IGNORE,       ACT_WEAKEN,    ACT_STRENGTHEN, ACT_START_ALARM, ACT_START_ALARM,
        ACT_CANCEL_ALARM, ACT_SEND,      ACT_SEND,       ACT_SEND,        ACT_SEND,
        ACT_PAUSE,        ACT_PING,      ACT_DEFER,      ACT_DEFER,       ACT_KEEP,
        ACT_WAIT,         ACT_BREATHE,   ACT_FATAL,      ACT_SPAWN,
    };
    static const enum act leaving[] = {ACT_FAIL,     ACT_FAIL, ACT_THROW, ACT_THROW,
                                       ACT_KILL_NOW, ACT_EXIT, ACT_KILL};
    enum act act = one_in(world, 12) ? leaving[draw(world, sizeof leaving / sizeof *leaving)]
                                     : usual[draw(world, sizeof usual / sizeof *usual)];
    bool carries = act == ACT_START_ALARM || act == ACT_SEND || act == ACT_PING ||
                   act == ACT_SPAWN || act == ACT_EXIT;
    bool deafens = act == ACT_OPEN_DEAF || act == ACT_IGNORE;
    if ((carries && (scope->again || scope->depth == 0)) || (act == ACT_WAIT && !scope->waits) ||
        (deafens && scope->refuses))
        return ACT_NOTHING;
    return act;
}

static struct casting draw_casting(struct world *world, int actor)
{
    static const size_t limits[] = {1, 3, LC_MAILBOX_UNLIMITED};
    struct casting casting = {
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
    struct actor *cast = &world->actors[actor];
    cast->refuses = casting.limit != LC_MAILBOX_UNLIMITED;
    if (casting.on_exit >= 0)
        casting.exit_line = add_line(world, ACT_NOTHING, actor);
    /* Nearly all open a port first. */
    if (!one_in(world, 10)) {
        casting.entry = add_line(world, ACT_OPEN, actor);
        unsigned rest = write_chain(
            world,
            (struct scope){.actor = actor, .refuses = cast->refuses, .depth = one_in(world, 3)});
        world->oracle.lines[casting.entry].next = rest;
    }
    return casting;
}

/* An actor that has ended, and that no other is to spawn. -1: there is none. */
static int free_actor(struct world *world)
{
    for (int i = 0; i < ACTORS; i++)
        if (!world->oracle.actors[i].alive &&
            world->actors[i].reserved != world->actors[i].generation + 1)
            return i;
    return -1;
}

static void fill_spawn(struct world *world, struct line *line)
{
    int other = free_actor(world);
    line->act = ACT_NOTHING;
    if (other < 0 || other == line->actor)
        return;
    line->other = other;
    line->generation = world->actors[other].generation;
    world->actors[other].reserved = line->generation + 1;
    world->oracle.castings[other] = draw_casting(world, other);
    line->act = ACT_SPAWN;
}

/* Nearly always that of an open port, if there is one. */
static int draw_place(struct world *world, int actor)
{
    int place = (int)draw(world, PLACES);
    for (int tries = 0; tries < 5 && !world->oracle.actors[actor].ports[place].open; tries++)
        place = (int)draw(world, PLACES);
    return place;
}

static void fill_send(struct world *world, struct line *line, struct scope scope)
{
    scope.depth--;
    scope.waits = false;
    line->other = one_in(world, 2) ? scope.actor : (int)draw(world, ACTORS);
    line->other_place = draw_place(world, line->other);
    line->generation = world->actors[line->other].known_generation;
    if (line->other == scope.actor)
        line->load = write_chain(world, scope);
    else
        line->load = add_line(world, ACT_NOTHING, line->other);
}

static void fill_alarm(struct world *world, struct line *line, struct scope scope)
{
    scope.depth--;
    scope.waits = false;
    /* A copy for which there is no memory is left out; what repeats never comes to rest. */
    scope.again = !world->oracle.faulty && !world->breaks_off && one_in(world, 3);
    line->other_place = draw_place(world, scope.actor);
    /* Two timers of an actor never fire in the same slot: which came first would not be known. */
    int64_t round = world->oracle.slot / SLOTS_A_ROUND + (int64_t)draw(world, 3);
    line->due = round * SLOTS_A_ROUND + 2 * ((int64_t)line->place + 1) + (int64_t)draw(world, 2);
    line->period = scope.again ? SLOTS_A_ROUND : 0;
    line->load = write_chain(world, scope);
    if (scope.again)
        world->oracle.lines[line->load].moved = false;
}

static void fill_line(struct world *world, unsigned at, struct scope scope)
{
    struct line line = world->oracle.lines[at];
    line.place = (int)draw(world, line.act == ACT_PAUSE ? KEYS : PLACES);
    line.flag = one_in(world, 2);
    switch (line.act) {
    case ACT_SEND:
        fill_send(world, &line, scope);
        break;
    case ACT_START_ALARM:
        line.place = (int)draw(world, ALARMS);
        fill_alarm(world, &line, scope);
        break;
    case ACT_CANCEL_ALARM:
        line.place = (int)draw(world, ALARMS);
        break;
    case ACT_SPAWN:
        fill_spawn(world, &line);
        break;
    case ACT_PING:
    case ACT_EXIT:
        line.place = (int)draw(world, WATCHERS);
        line.load = add_line(world, ACT_NOTHING, line.actor);
        break;
    default:
        break;
    }
    world->oracle.lines[at] = line;
}

static unsigned write_chain(struct world *world, struct scope scope)
{
    unsigned first = 0, last = 0;
    do {
        unsigned at = add_line(world, draw_act(world, &scope), scope.actor);
        fill_line(world, at, scope);
        if (last)
            world->oracle.lines[last].next = at;
        else
            first = at;
        last = at;
        scope.waits &= world->oracle.lines[at].act != ACT_WAIT;
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
static bool has_wait(const struct world *world, int actor)
{
    const struct oracle *oracle = &world->oracle;
    for (unsigned at = 1; at <= oracle->line_count; at++)
        if (oracle->lines[at].actor == actor && oracle->lines[at].act == ACT_WAIT)
            return true;
    return false;
}

static struct scope scope_of(struct world *world, int actor)
{
    return (struct scope){
        .actor = actor,
        .depth = 2,
        .waits = !has_wait(world, actor),
        .refuses = world->actors[actor].refuses,
    };
}

static void do_send(struct world *world, int actor)
{
    unsigned line = write_chain(world, scope_of(world, actor));
    int place = draw_place(world, actor);
    const lc_payload payload = payload_of(world, line);
    int result = lc_send_payload(world->actors[actor].ports[place].send, &payload, LC_NOW);
    AGREES(world, line, kept_if_failed(world, line, result),
           oracle_send(&world->oracle, actor, place, line, false));
}

static void do_spawn(struct world *world, int actor)
{
    const struct casting casting = draw_casting(world, actor);
    AGREES(world, casting.exit_line, spawn(world, actor, &casting),
           oracle_spawn(&world->oracle, actor, &casting));
}

static void do_ping(struct world *world, int actor)
{
    unsigned at = add_line(world, ACT_PING, actor);
    struct line *line = &world->oracle.lines[at];
    line->place = (int)draw(world, WATCHERS);
    line->flag = one_in(world, 2);
    line->load = add_line(world, ACT_NOTHING, actor);
    AGREES(world, line->load, ping(world, world->actors[actor].self, line),
           oracle_ping(&world->oracle, actor, line->place, line->load, line->flag));
}

static void do_listen_exit(struct world *world, int actor)
{
    unsigned line = add_line(world, ACT_NOTHING, actor);
    int watcher = (int)draw(world, WATCHERS);
    const lc_payload payload = payload_of(world, line);
    int result = lc_isolate_add_exit_listener(world->actors[actor].self,
                                              world->watchers[watcher].send, &payload);
    AGREES(world, line, kept_if_failed(world, line, result),
           oracle_listen_exit(&world->oracle, actor, watcher, line));
}

static void do_listening(struct world *world, int actor)
{
    struct oracle *oracle = &world->oracle;
    lc_isolate self = world->actors[actor].self;
    int watcher = (int)draw(world, WATCHERS);
    lc_send_port port = world->watchers[watcher].send;
    switch (draw(world, 4)) {
    case 0:
        do_listen_exit(world, actor);
        break;
    case 1:
        AGREES(world, 0, lc_isolate_remove_exit_listener(self, port),
               oracle_unlisten_exit(oracle, actor, watcher));
        break;
    case 2:
        AGREES(world, 0, lc_isolate_add_error_listener(self, port),
               oracle_listen_error(oracle, actor, watcher));
        break;
    default:
        AGREES(world, 0, lc_isolate_remove_error_listener(self, port),
               oracle_unlisten_error(oracle, actor, watcher));
    }
}

static lc_capability key_of(struct world *world, int actor, int key)
{
    return key == KEYS ? world->actors[actor].self.pause : world->keys[key];
}

static void do_pause_or_resume(struct world *world, int actor)
{
    struct oracle *oracle = &world->oracle;
    int key = (int)draw(world, KEYS + 1);
    for (int i = 0; i <= KEYS && !one_in(world, 4); i++)
        key = oracle->actors[actor].paused[i] ? i : key;
    lc_capability resume = key_of(world, actor, key);
    if (one_in(world, 5))
        AGREES(world, 0, lc_isolate_pause(world->actors[actor].self, resume),
               oracle_pause(oracle, actor, key));
    else
        AGREES(world, 0, lc_isolate_resume(world->actors[actor].self, resume),
               oracle_resume(oracle, actor, key));
}

static void do_kill(struct world *world, int actor)
{
    bool at_once = one_in(world, 2);
    AGREES(world, 0,
           lc_isolate_kill(world->actors[actor].self,
                           at_once ? LC_PRIORITY_IMMEDIATE : LC_PRIORITY_NEXT_EVENT),
           oracle_kill(&world->oracle, actor, at_once));
}

/* Without the capability, or with the wrong one. */
static void do_without_right(struct world *world, int actor)
{
    lc_isolate weak = world->actors[actor].self;
    int wanted = oracle_anything(&world->oracle, actor) < 0 ? -ESRCH : -EPERM;
    weak.pause = one_in(world, 2) ? LC_NO_CAPABILITY : weak.terminate;
    weak.terminate = one_in(world, 2) ? LC_NO_CAPABILITY : world->actors[actor].self.pause;
    AGREES(world, 0, lc_isolate_pause(weak, world->keys[0]), wanted);
    AGREES(world, 0, lc_isolate_resume(weak, world->keys[0]), wanted);
    AGREES(world, 0, lc_isolate_kill(weak, LC_PRIORITY_IMMEDIATE), wanted);
    AGREES(world, 0, lc_isolate_set_errors_fatal(weak, true), wanted);
    AGREES(world, 0, lc_isolate_end_hold(weak), wanted);
}

static void do_alarm(struct world *world, int actor)
{
    struct oracle *oracle = &world->oracle;
    struct actor *real = &world->actors[actor];
    if (oracle->actors[actor].alarms[ALARMS].armed || one_in(world, 3)) {
        AGREES(world, 0, lc_timer_cancel(real->alarms[ALARMS]),
               oracle_cancel_alarm(oracle, actor, ALARMS));
        return;
    }
    unsigned at = add_line(world, ACT_START_ALARM, actor);
    struct line line = oracle->lines[at];
    line.place = ALARMS;
    fill_alarm(world, &line, scope_of(world, actor));
    oracle->lines[at] = line;
    AGREES(world, line.load, start_alarm(real, &line, ALARMS),
           oracle_start_alarm(oracle, actor, ALARMS, line.other_place, at));
}

static void do_something(struct world *world, int actor)
{
    struct oracle *oracle = &world->oracle;
    bool ever = world->actors[actor].generation > 0;
    if (!oracle->actors[actor].alive && (!ever || !one_in(world, 5))) {
        if (world->actors[actor].reserved != world->actors[actor].generation + 1 ||
            one_in(world, 3))
            do_spawn(world, actor);
        return;
    }
    /* Before its entry has run there is nothing to send to. */
    bool ready = oracle->actors[actor].ports[0].number > 0;
    switch (draw(world, ready || one_in(world, 8) ? 20 : 10)) {
    case 0:
        do_ping(world, actor);
        break;
    case 1:
    case 2:
        do_listening(world, actor);
        break;
    case 3:
    case 4:
    case 5:
        do_pause_or_resume(world, actor);
        break;
    case 6:
        if (one_in(world, 3))
            do_kill(world, actor);
        break;
    case 7:
        do_without_right(world, actor);
        break;
    case 8:
        do_alarm(world, actor);
        break;
    case 9:
        AGREES(world, 0, lc_isolate_end_hold(world->actors[actor].self),
               oracle_end_hold(oracle, actor));
        break;
    default:
        do_send(world, actor);
    }
}

/* ---- comparing ---- */

/* Where it was thrown, or returned; 0: that is not known. */
static unsigned line_of(const lc_error *error)
{
    const char *message = lc_error_message(error);
    bool told = strncmp(message, "line ", strlen("line ")) == 0;
    return told ? (unsigned)strtoul(message + strlen("line "), NULL, 10) : 0;
}

static void see(struct world *world, int watcher, const lc_message *message)
{
    struct oracle *oracle = &world->oracle;
    const lc_error *error = lc_message_error(message);
    const struct parcel *parcel = lc_message_data(message);
    unsigned line = error ? line_of(error) : parcel->line;
    if (line == 0) {
        oracle_claim(oracle, oracle->faulty, "an error that was not thrown");
        return; /* there was no memory for its message */
    }
    oracle_claim(oracle, oracle_see(oracle, watcher, line, error != NULL),
                 "what a watcher was told, or in which order");
    bool thrown = error && oracle->lines[line].act == ACT_THROW;
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
        bool even = before->number == this->number || !oracle->actors[this->to].uneven;
        if (same_way && even && before->stamp > this->stamp)
            return true;
    }
    return false;
}

static void compare_crossings(struct world *world)
{
    struct oracle *oracle = &world->oracle;
    for (; world->judged_count < world->heard_count; world->judged_count++) {
        unsigned line = world->heard[world->judged_count];
        oracle_claim(oracle, oracle->crossings[line].sent && !oracle->gone[line],
                     "a message between actors, twice or never sent");
        oracle_claim(oracle, !is_overtaken(world, world->judged_count),
                     "the order of what an actor has sent another");
        oracle->gone[line] = true;
    }
    for (unsigned line = 1; line <= oracle->line_count; line++) {
        if (!oracle->crossings[line].sent || oracle->gone[line])
            continue;
        oracle_claim(oracle, !oracle_is_due(oracle, line), "a message between actors is lost");
        oracle->gone[line] = oracle_is_dropped(oracle, line);
    }
}

static void compare_parcels(struct world *world)
{
    for (unsigned line = 1; line <= world->oracle.line_count; line++)
        if (world->carried[line])
            oracle_claim(&world->oracle, world->over[line] == world->oracle.gone[line],
                         "how often what was moved was destroyed");
}

static void compare_actor(struct world *world, int index)
{
    struct oracle *oracle = &world->oracle;
    struct actor *actor = &world->actors[index];
    struct model_actor *model = &oracle->actors[index];
    if (actor->generation == 0)
        return;
    oracle_claim(oracle, actor->generation == model->generation, "how many were spawned");
    oracle_claim(oracle, lc_isolate_read_state(actor->self) == oracle_state(oracle, index),
                 "an isolate's state");
    if (!actor->done)
        actor->done = lc_isolate_done(actor->self);
    if (actor->done)
        oracle_claim(oracle, lc_handle_is_closed(actor->done) == !model->alive, "done");
    actor->known_generation = model->generation;
    actor->known_to_refuse = model->casting.limit != LC_MAILBOX_UNLIMITED;
    for (int i = 0; i < PLACES; i++) {
        lc_send_port port = actor->ports[i].send;
        oracle_claim(oracle, lc_port_is_open(port) == (model->alive && model->ports[i].open),
                     "whether a port is open");
        actor->known_ports[i] = port;
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
    for (int i = 0; i < ACTORS && !world->oracle.wrong; i++)
        compare_actor(world, i);
    if (!world->oracle.wrong)
        compare_parcels(world);
    oracle_settle(&world->oracle);
    world->compared++;
    pass_on(world);
}

/* ---- a play ---- */

static void do_some(struct world *world, size_t most)
{
    for (size_t left = draw(world, most + 1); left > 0 && !world->oracle.wrong; left--)
        do_something(world, (int)draw(world, ACTORS));
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
static void play_round(struct world *world, unsigned round)
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

static void end_one(struct world *world, int actor)
{
    struct oracle *oracle = &world->oracle;
    lc_isolate self = world->actors[actor].self;
    AGREES(world, 0, lc_isolate_kill(self, LC_PRIORITY_DEFAULT), oracle_kill(oracle, actor, false));
    AGREES(world, 0, lc_timer_cancel(world->actors[actor].alarms[ALARMS]),
           oracle_cancel_alarm(oracle, actor, ALARMS));
    AGREES(world, 0, lc_isolate_end_hold(self), oracle_end_hold(oracle, actor));
}

static void end_play(struct world *world)
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
    for (int i = 0; i < ACTORS; i++)
        if (world->actors[i].generation > 0 && !world->breaks_off)
            end_one(world, i);
    look(world, lc_deadline_after(SLOT), true);
    bool ended = true;
    for (int i = 0; i < ACTORS; i++)
        ended &= !oracle->actors[i].alive;
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
    for (int i = 0; i < ACTORS; i++) {
        world->actors[i].world = world;
        world->actors[i].index = i;
    }
    world->epoch = lc_now();
}

static void close_world(struct world *world)
{
    pass_on(world);
    for (int i = 0; i < WATCHERS; i++)
        lc_port_close(world->watchers[i]);
    for (int i = 0; i < ACTORS; i++) {
        lc_handle_unref(world->actors[i].done);
        world->actors[i].done = NULL; /* those that are left may still spawn */
    }
    lc_isolate_group_unref(world->group);
    pass_on(world);
}

static lc_error *play(void *arg)
{
    struct world *world = arg;
    open_world(world);
    for (unsigned round = 0; round < ROUNDS && !world->oracle.wrong; round++)
        play_round(world, round);
    if (!world->oracle.wrong)
        end_play(world);
    else
        lc_isolate_group_shutdown(world->group, LC_NOW);
    for (int i = 0; i < ACTORS && world->oracle.wrong; i++) {
        lc_timer_cancel(world->actors[i].alarms[ALARMS]);
        lc_isolate_kill(world->actors[i].self, LC_PRIORITY_DEFAULT);
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
    for (unsigned line = 1; line <= world->oracle.line_count; line++)
        if (world->carried[line])
            CU_ASSERT_EQUAL(world->over[line], 1);
}

static lc_error *cancel_alarms(void *arg)
{
    struct world *world = arg;
    for (int i = 0; i < ACTORS; i++)
        lc_timer_cancel(world->actors[i].alarms[ALARMS]);
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
    lc_error *error = lc_executor_run(executor, play, world);
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

static void plays_are_as_the_model_says(void)
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
            {"random plays are as the model says", plays_are_as_the_model_says},
            {"also with wake-ups that come late, and early", with_delays},
            {"also when any allocation may fail", with_faults},
            {"and what is broken off destroys what was moved once", broken_off});
