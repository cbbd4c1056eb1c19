/*
 * isolate_oracle.c: see isolate_oracle.h. Small enough to be seen to be right.
 */
#include "isolate_oracle.h"

#include <errno.h>
#include <string.h>

void oracle_claim(struct oracle *oracle, bool truth, const char *otherwise)
{
    if (!truth && !oracle->wrong)
        oracle->wrong = otherwise;
}

/* ---- lists ---- */

static void push(struct list *list, struct queued queued)
{
    list->items[list->count++] = queued;
}

/* How many count against the limit: ticks do not. */
static size_t counted(const struct list *list)
{
    size_t found = 0;
    for (size_t i = 0; i < list->count; i++)
        found += list->items[i].tick == 0;
    return found;
}

/* Where the tick of an alarm is, or the first that is none; the list's end: nowhere. */
static size_t find(const struct list *list, unsigned tick)
{
    size_t at = 0;
    while (at < list->count && list->items[at].tick != tick)
        at++;
    return at;
}

static struct queued take(struct list *list, size_t at)
{
    struct queued taken = list->items[at];
    list->count--;
    memmove(&list->items[at], &list->items[at + 1], (list->count - at) * sizeof taken);
    return taken;
}

static void drop_all(struct oracle *oracle, struct list *list)
{
    while (list->count > 0)
        oracle->gone[take(list, 0).step] = true;
}

static void drop_those_for(struct oracle *oracle, struct list *list, unsigned number)
{
    for (size_t i = list->count; i-- > 0;)
        if (list->items[i].number == number)
            oracle->gone[take(list, i).step] = true;
}

/* What waited for a port comes before all that came since. */
static void bring(struct model_isolate *isolate, unsigned number)
{
    struct list all = {.count = 0};
    for (size_t i = 0; i < isolate->waiting.count;) {
        if (isolate->waiting.items[i].number == number) {
            struct queued moved = take(&isolate->waiting, i);
            push(&all, moved);
        } else {
            i++;
        }
    }
    for (size_t i = 0; i < isolate->mailbox.count; i++)
        push(&all, isolate->mailbox.items[i]);
    isolate->mailbox = all;
}

/* ---- what an isolate is ---- */

static bool is_paused(const struct model_isolate *isolate)
{
    bool paused = false;
    for (int i = 0; i <= KEYS; i++)
        paused |= isolate->paused[i];
    return paused;
}

static bool is_cut_short(const struct model_isolate *isolate)
{
    return isolate->killed || isolate->killed_now || isolate->fatal || isolate->exiting;
}

static bool is_kept_alive(const struct model_isolate *isolate)
{
    bool kept = false;
    for (int i = 0; i < PLACES; i++)
        kept |= isolate->ports[i].open && !isolate->ports[i].weak;
    for (int i = 0; i < ALARMS; i++)
        kept |= isolate->alarms[i].armed;
    return kept;
}

static bool is_over(const struct model_isolate *isolate)
{
    return is_cut_short(isolate) || (isolate->entered && isolate->mailbox.count == 0 &&
                                     !is_kept_alive(isolate) && !is_paused(isolate));
}

static bool is_held_at_start(const struct model_isolate *isolate)
{
    return isolate->hold_at_start && !isolate->entered && !is_cut_short(isolate);
}

static bool is_held_at_exit(const struct model_isolate *isolate)
{
    return isolate->hold_at_exit && !isolate->busy && is_over(isolate) && !isolate->last;
}

lc_isolate_state oracle_state(const struct oracle *oracle, int index)
{
    const struct model_isolate *isolate = &oracle->isolates[index];
    if (!isolate->alive)
        return LC_ISOLATE_ENDED;
    if (is_held_at_exit(isolate))
        return LC_ISOLATE_HELD_AT_EXIT;
    if (is_held_at_start(isolate))
        return LC_ISOLATE_HELD_AT_START;
    if (is_paused(isolate))
        return LC_ISOLATE_PAUSED;
    return isolate->entered ? LC_ISOLATE_RUNNING : LC_ISOLATE_START;
}

int oracle_anything(const struct oracle *oracle, int isolate)
{
    return oracle->isolates[isolate].alive ? 0 : -ESRCH;
}

static struct model_port *find_port(struct model_isolate *isolate, unsigned number)
{
    for (int i = 0; i < PLACES; i++)
        if (isolate->ports[i].open && isolate->ports[i].number == number)
            return &isolate->ports[i];
    return NULL;
}

static void expect(struct model_isolate *isolate, int watcher, enum sight sight, unsigned step)
{
    isolate->expected[watcher][isolate->expected_count[watcher]++] = (struct expected){sight, step};
}

/* ---- what is done to it ---- */

int oracle_spawn(struct oracle *oracle, int index, const struct settings *settings)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    struct model_isolate spawned = {.generation = isolate->generation + 1};
    spawned.settings = *settings;
    spawned.alive = true;
    spawned.survives = settings->survives;
    spawned.hold_at_start = settings->hold_at_start;
    spawned.hold_at_exit = settings->hold_at_exit;
    spawned.paused[KEYS] = settings->paused;
    spawned.alarms[ALARMS] = isolate->alarms[ALARMS]; /* the driver's */
    spawned.known_generation = isolate->known_generation;
    spawned.known_to_refuse = isolate->known_to_refuse;
    memcpy(spawned.known_ports, isolate->known_ports, sizeof spawned.known_ports);
    memcpy(spawned.notes, isolate->notes, sizeof spawned.notes); /* it may have run already */
    spawned.note_count = isolate->note_count;
    for (int i = 0; i < WATCHERS; i++) {
        spawned.exit_steps[i] = settings->on_exit == i ? (int)settings->exit_step : -1;
        spawned.hears_errors[i] = settings->on_error == i;
    }
    *isolate = spawned;
    return 0;
}

static int put(struct oracle *oracle, struct model_isolate *isolate, unsigned number, unsigned step,
               bool from_itself)
{
    const struct queued message = {step, number, 0};
    if (!isolate->alive || !find_port(isolate, number)) {
        oracle->gone[step] = true;
        return 0;
    }
    if (counted(&isolate->mailbox) + counted(&isolate->waiting) < isolate->settings.limit) {
        push(&isolate->mailbox, message);
        return 0;
    }
    if (isolate->settings.when_full == LC_FULL_DROP_OLDEST) {
        struct list *oldest =
            counted(&isolate->waiting) > 0 ? &isolate->waiting : &isolate->mailbox;
        oracle->gone[take(oldest, find(oldest, 0)).step] = true;
        push(&isolate->mailbox, message);
        return 0;
    }
    oracle->gone[step] = true; /* it is the sender's */
    if (isolate->settings.when_full == LC_FULL_REFUSE)
        return -ENOBUFS;
    return from_itself ? -EDEADLK : -ETIMEDOUT;
}

int oracle_send(struct oracle *oracle, int index, int place, unsigned step, bool from_itself)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    unsigned number = isolate->ports[place].number;
    if (number == 0) {
        oracle->gone[step] = true;
        return -EINVAL;
    }
    return put(oracle, isolate, number, step, from_itself);
}

int oracle_pause(struct oracle *oracle, int isolate, int key)
{
    if (!oracle->isolates[isolate].alive)
        return -ESRCH;
    oracle->isolates[isolate].paused[key] = true;
    return 0;
}

int oracle_resume(struct oracle *oracle, int isolate, int key)
{
    if (!oracle->isolates[isolate].alive)
        return -ESRCH;
    bool was = oracle->isolates[isolate].paused[key];
    oracle->isolates[isolate].paused[key] = false;
    return was ? 0 : -ENOENT;
}

int oracle_ping(struct oracle *oracle, int index, int watcher, unsigned step, bool next_event)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    if (!isolate->alive) {
        oracle->gone[step] = true;
        return -ESRCH;
    }
    if (next_event)
        push(&isolate->control, (struct queued){step, (unsigned)watcher, 0});
    else
        expect(isolate, watcher, SIGHT_PING, step);
    return 0;
}

int oracle_kill(struct oracle *oracle, int isolate, bool at_once)
{
    if (!oracle->isolates[isolate].alive)
        return -ESRCH;
    if (at_once)
        oracle->isolates[isolate].killed_now = true;
    else
        oracle->isolates[isolate].killed = true;
    return 0;
}

int oracle_set_fatal(struct oracle *oracle, int isolate, bool fatal)
{
    if (!oracle->isolates[isolate].alive)
        return -ESRCH;
    oracle->isolates[isolate].survives = !fatal;
    return 0;
}

int oracle_listen_exit(struct oracle *oracle, int index, int watcher, unsigned step)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    if (!isolate->alive) {
        oracle->gone[step] = true;
        return -ESRCH;
    }
    if (isolate->exit_steps[watcher] >= 0)
        oracle->gone[isolate->exit_steps[watcher]] = true;
    isolate->exit_steps[watcher] = (int)step;
    return 0;
}

int oracle_unlisten_exit(struct oracle *oracle, int index, int watcher)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    if (!isolate->alive)
        return -ESRCH;
    if (isolate->exit_steps[watcher] < 0)
        return -ENOENT;
    oracle->gone[isolate->exit_steps[watcher]] = true;
    isolate->exit_steps[watcher] = -1;
    return 0;
}

int oracle_listen_error(struct oracle *oracle, int isolate, int watcher)
{
    if (!oracle->isolates[isolate].alive)
        return -ESRCH;
    oracle->isolates[isolate].hears_errors[watcher] = true;
    return 0;
}

int oracle_unlisten_error(struct oracle *oracle, int isolate, int watcher)
{
    if (!oracle->isolates[isolate].alive)
        return -ESRCH;
    bool heard = oracle->isolates[isolate].hears_errors[watcher];
    oracle->isolates[isolate].hears_errors[watcher] = false;
    return heard ? 0 : -ENOENT;
}

int oracle_end_hold(struct oracle *oracle, int index)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    if (!isolate->alive)
        return -ESRCH;
    if (is_held_at_start(isolate))
        isolate->hold_at_start = false;
    else if (is_held_at_exit(isolate))
        isolate->hold_at_exit = false;
    else
        return -ENOENT;
    return 0;
}

void oracle_group_down(struct oracle *oracle)
{
    for (int i = 0; i < ISOLATES; i++) {
        struct model_isolate *isolate = &oracle->isolates[i];
        if (!isolate->settings.in_group)
            continue;
        isolate->killed = true;
        isolate->hold_at_start = isolate->hold_at_exit = false;
    }
}

/* ---- timers ---- */

int oracle_start_alarm(struct oracle *oracle, int index, int at, int place, unsigned step)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    if (isolate->ports[place].number == 0) {
        oracle->gone[oracle->steps[step].load] = true;
        return -EINVAL;
    }
    const struct step *started = &oracle->steps[step];
    isolate->alarms[at] = (struct model_alarm){
        .armed = true,
        .foreign = at == ALARMS,
        .generation = isolate->generation,
        .number = isolate->ports[place].number,
        .started = step,
        .step = started->load,
        .due = started->due,
        .period = started->period,
    };
    return 0;
}

static bool has_tick(const struct list *list, const struct model_alarm *alarm)
{
    return find(list, alarm->started) < list->count;
}

/* It goes in whatever the limit is, unless the one before is still there. */
static void tick(struct model_isolate *isolate, const struct model_alarm *alarm)
{
    if (!has_tick(&isolate->mailbox, alarm) && !has_tick(&isolate->waiting, alarm))
        push(&isolate->mailbox, (struct queued){alarm->step, alarm->number, alarm->started});
}

int oracle_cancel_alarm(struct oracle *oracle, int isolate, int at)
{
    struct model_alarm *alarm = &oracle->isolates[isolate].alarms[at];
    struct list *lists[] = {&oracle->isolates[isolate].mailbox, &oracle->isolates[isolate].waiting};
    bool prevented = alarm->armed;
    for (int i = 0; i < 2; i++)
        if (alarm->started && has_tick(lists[i], alarm)) {
            take(lists[i], find(lists[i], alarm->started));
            prevented = true;
        }
    alarm->armed = false;
    if (prevented)
        oracle->gone[alarm->step] = true;
    return prevented;
}

static void fire_one(struct oracle *oracle, struct model_isolate *isolate,
                     struct model_alarm *alarm)
{
    bool open = isolate->alive && isolate->generation == alarm->generation &&
                find_port(isolate, alarm->number);
    if (open)
        tick(isolate, alarm);
    else
        oracle->gone[alarm->step] = true;
    alarm->due += alarm->period;
    alarm->armed = alarm->period > 0 && open;
}

void oracle_fire(struct oracle *oracle)
{
    for (int i = 0; i < ISOLATES; i++)
        for (int at = 0; at <= ALARMS; at++) {
            struct model_alarm *alarm = &oracle->isolates[i].alarms[at];
            if (alarm->armed && alarm->due == oracle->slot)
                fire_one(oracle, &oracle->isolates[i], alarm);
        }
}

/* ---- its end ---- */

static void say_last(struct model_isolate *isolate)
{
    if (isolate->last)
        expect(isolate, isolate->last_watcher, SIGHT_LAST, isolate->last);
    isolate->last = 0;
}

static void end(struct oracle *oracle, int index)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    isolate->alive = false;
    drop_all(oracle, &isolate->mailbox);
    drop_all(oracle, &isolate->waiting);
    for (int i = 0; i < ALARMS; i++)
        oracle_cancel_alarm(oracle, index, i);
    say_last(isolate);
    for (int i = 0; i < WATCHERS; i++)
        if (isolate->exit_steps[i] >= 0)
            expect(isolate, i, SIGHT_EXIT, (unsigned)isolate->exit_steps[i]);
}

static void fail(struct model_isolate *isolate, unsigned step)
{
    for (int i = 0; i < WATCHERS; i++)
        if (isolate->hears_errors[i])
            expect(isolate, i, SIGHT_ERROR, step);
    if (!isolate->survives)
        isolate->fatal = true;
}

/* ---- steps ---- */

/* The next note, which must be this one. NULL: it is not. */
static const struct note *read_note(struct oracle *oracle, struct model_isolate *isolate,
                                    unsigned step, bool deferred)
{
    const struct note *note = &isolate->notes[isolate->read_count];
    bool there = isolate->read_count < isolate->note_count && note->step == step &&
                 note->deferred == deferred;
    oracle_claim(oracle, there, "what an isolate has done, or its order");
    isolate->read_count += there;
    return there ? note : NULL;
}

static int open_port(struct model_isolate *isolate, const struct step *step)
{
    struct model_port *port = &isolate->ports[step->place];
    if (port->open)
        return -EEXIST;
    port->number = ++isolate->ports_opened;
    port->open = true;
    port->weak = step->operation == DO_OPEN_WEAK;
    port->deaf = step->operation == DO_OPEN_DEAF;
    isolate->uneven |= port->deaf;
    return 0;
}

static int change_port(struct oracle *oracle, struct model_isolate *isolate,
                       const struct step *step)
{
    struct model_port *port = &isolate->ports[step->place];
    if (!port->open)
        return -EBADF;
    if (step->operation == DO_WEAKEN || step->operation == DO_STRENGTHEN) {
        port->weak = step->operation == DO_WEAKEN;
    } else if (step->operation == DO_CLOSE) {
        port->open = false;
        drop_those_for(oracle, &isolate->mailbox, port->number);
        drop_those_for(oracle, &isolate->waiting, port->number);
    } else {
        port->deaf = step->operation == DO_IGNORE;
        isolate->uneven |= port->deaf;
        if (!port->deaf)
            bring(isolate, port->number);
    }
    return 0;
}

static int send(struct oracle *oracle, int index, const struct step *step)
{
    struct model_isolate *other = &oracle->isolates[step->other];
    if (step->other == index)
        return oracle_send(oracle, index, step->other_place, step->load, true);
    if (other->known_generation != step->generation || other->known_to_refuse ||
        other->known_ports[step->other_place] == 0)
        return -EXDEV;
    oracle->crossings[step->load] = (struct crossing){
        true,
        index,
        step->other,
        step->generation,
        other->known_ports[step->other_place],
        ++oracle->stamps,
    };
    return 0;
}

/* What the step does, and is to give. */
static int apply(struct oracle *oracle, int index, unsigned at)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    const struct step *step = &oracle->steps[at];
    switch (step->operation) {
    case DO_OPEN:
    case DO_OPEN_WEAK:
    case DO_OPEN_DEAF:
        return open_port(isolate, step);
    case DO_CLOSE:
    case DO_LISTEN:
    case DO_IGNORE:
    case DO_WEAKEN:
    case DO_STRENGTHEN:
        return change_port(oracle, isolate, step);
    case DO_START_ALARM:
        if (step->due <= oracle->slot) {
            oracle->gone[step->load] = true;
            return -ETIME;
        }
        return oracle_start_alarm(oracle, index, step->place, step->other_place, at);
    case DO_CANCEL_ALARM:
        return oracle_cancel_alarm(oracle, index, step->place);
    case DO_SEND:
        return send(oracle, index, step);
    case DO_PAUSE:
        return oracle_pause(oracle, index, step->place);
    case DO_PING:
        return oracle_ping(oracle, index, step->place, step->load, step->flag);
    case DO_DEFER:
        isolate->deferred[isolate->deferred_count++] = at;
        return 0;
    case DO_KEEP:
        oracle->gone[at] |= isolate->handled == at && step->moved;
        return isolate->handled == at && step->moved;
    case DO_FATAL:
        return oracle_set_fatal(oracle, index, step->flag);
    case DO_SPAWN:
        if (oracle->isolates[step->other].generation != step->generation)
            return -EXDEV;
        return oracle_spawn(oracle, step->other, &oracle->settings[step->other]);
    case DO_KILL:
        return oracle_kill(oracle, index, false);
    case DO_NOTHING:
    case DO_WAIT:
    case DO_BREATHE:
        return 0;
    case DO_KILL_NOW:
        isolate->killed_now = true;
        break;
    case DO_FAIL:
    case DO_THROW:
        fail(isolate, at);
        break;
    case DO_EXIT:
        isolate->exiting = true;
        isolate->last = step->load;
        isolate->last_watcher = step->place;
        break;
    }
    return NO_RESULT;
}

/* The event is over: deferred calls, the last first, and the message. */
static void finish(struct oracle *oracle, struct model_isolate *isolate)
{
    while (isolate->deferred_count > 0)
        read_note(oracle, isolate, isolate->deferred[--isolate->deferred_count], true);
    oracle->gone[isolate->handled] = true;
    isolate->busy = false;
}

/* Does a chain from `at` on. */
static void run(struct oracle *oracle, int index, unsigned at)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    while (at && !oracle->wrong) {
        const struct step *step = &oracle->steps[at];
        isolate->busy_note = isolate->read_count;
        const struct note *note = read_note(oracle, isolate, at, false);
        if (!note)
            break;
        if (step->operation == DO_WAIT) {
            isolate->busy = true;
            isolate->going_on = step->next;
            return;
        }
        if (step->operation == DO_START_ALARM)
            oracle_cancel_alarm(oracle, index, step->place);
        bool failed = oracle->faulty && note->result == -ENOMEM;
        int result = failed ? -ENOMEM : apply(oracle, index, at);
        if (failed)
            oracle->gone[step->operation == DO_SPAWN ? oracle->settings[step->other].exit_step
                                                     : step->load] = true;
        if (result != note->result && !oracle->wrong)
            oracle_claim(oracle, false, "what a call in an isolate returned");
        at = result == NO_RESULT ? 0 : step->next;
    }
    finish(oracle, isolate);
}

/* Back from a wait; unless a kill at once came during the wait. */
static void go_on(struct oracle *oracle, int index)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    int result = isolate->notes[isolate->busy_note].result;
    isolate->busy = false;
    oracle_claim(oracle, result == (isolate->killed_now ? NO_RESULT : 0),
                 "whether a handler went on after its wait");
    run(oracle, index, isolate->killed_now ? 0 : isolate->going_on);
}

/* @return whether there was anything to do. */
static bool run_one(struct oracle *oracle, int index)
{
    struct model_isolate *isolate = &oracle->isolates[index];
    if (!isolate->alive || isolate->busy)
        return false;
    if (isolate->control.count > 0) {
        struct queued ping = take(&isolate->control, 0);
        expect(isolate, (int)ping.number, SIGHT_PING, ping.step);
        return true;
    }
    if (is_over(isolate)) {
        bool says = isolate->last != 0;
        if (isolate->hold_at_exit)
            say_last(isolate);
        if (isolate->hold_at_exit)
            return says;
        end(oracle, index);
        return true;
    }
    if (is_held_at_start(isolate) || is_paused(isolate))
        return false;
    if (!isolate->entered) {
        isolate->entered = true;
        isolate->handled = 0;
        run(oracle, index, isolate->settings.entry);
        return true;
    }
    if (isolate->mailbox.count == 0)
        return false;
    struct queued message = take(&isolate->mailbox, 0);
    if (find_port(isolate, message.number)->deaf) {
        push(&isolate->waiting, message);
    } else {
        isolate->handled = message.step;
        run(oracle, index, message.step);
    }
    return true;
}

void oracle_run(struct oracle *oracle, bool waits_over)
{
    bool any = true;
    while (any && !oracle->wrong) {
        any = false;
        for (int i = 0; i < ISOLATES && !oracle->wrong; i++) {
            if (waits_over && oracle->isolates[i].alive && oracle->isolates[i].busy) {
                go_on(oracle, i);
                any = true;
            }
            any |= run_one(oracle, i);
        }
    }
}

void oracle_settle(struct oracle *oracle)
{
    for (int i = 0; i < ISOLATES; i++) {
        struct model_isolate *isolate = &oracle->isolates[i];
        oracle_claim(oracle, isolate->read_count == isolate->note_count,
                     "that an isolate has done nothing more");
        if (!isolate->busy)
            isolate->note_count = isolate->read_count = 0;
        isolate->known_generation = isolate->generation;
        isolate->known_to_refuse = isolate->settings.limit != LC_MAILBOX_UNLIMITED;
        for (int place = 0; place < PLACES; place++)
            isolate->known_ports[place] = isolate->ports[place].number;
        for (int watcher = 0; watcher < WATCHERS; watcher++)
            isolate->expected_count[watcher] = isolate->seen_count[watcher] = 0;
    }
}

/* ---- what watchers see ---- */

/* Where memory may run out, what can only be made then may be missing. */
static bool may_be_lost(const struct oracle *oracle, const struct expected *expected)
{
    return oracle->faulty && (expected->sight == SIGHT_ERROR || expected->sight == SIGHT_LAST);
}

static void lose(struct oracle *oracle, const struct expected *expected)
{
    if (expected->sight != SIGHT_ERROR) /* that is told of, not carried */
        oracle->gone[expected->step] = true;
}

bool oracle_see(struct oracle *oracle, int watcher, unsigned step, bool error)
{
    struct model_isolate *isolate = &oracle->isolates[oracle->steps[step].isolate];
    while (isolate->seen_count[watcher] < isolate->expected_count[watcher]) {
        const struct expected *next = &isolate->expected[watcher][isolate->seen_count[watcher]++];
        if (next->step == step && (next->sight == SIGHT_ERROR) == error) {
            oracle->gone[step] |= !error;
            return true;
        }
        if (!may_be_lost(oracle, next))
            return false;
        lose(oracle, next);
    }
    return false;
}

bool oracle_all_seen(struct oracle *oracle)
{
    bool all = true;
    for (int i = 0; i < ISOLATES; i++) {
        const struct model_isolate *isolate = &oracle->isolates[i];
        for (int watcher = 0; watcher < WATCHERS; watcher++)
            for (size_t at = isolate->seen_count[watcher]; at < isolate->expected_count[watcher];
                 at++) {
                all &= may_be_lost(oracle, &isolate->expected[watcher][at]);
                lose(oracle, &isolate->expected[watcher][at]);
            }
    }
    return all;
}

/* ---- messages between isolates ---- */

bool oracle_is_dropped(const struct oracle *oracle, unsigned step)
{
    const struct crossing *crossing = &oracle->crossings[step];
    const struct model_isolate *to = &oracle->isolates[crossing->to];
    if (!to->alive || to->generation != crossing->generation)
        return true;
    return !find_port((struct model_isolate *)(uintptr_t)to, crossing->number);
}

bool oracle_is_due(const struct oracle *oracle, unsigned step)
{
    const struct crossing *crossing = &oracle->crossings[step];
    const struct model_isolate *to = &oracle->isolates[crossing->to];
    if (oracle_is_dropped(oracle, step) || is_paused(to) || is_over(to) || to->busy || !to->entered)
        return false;
    return !find_port((struct model_isolate *)(uintptr_t)to, crossing->number)->deaf;
}
