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
        oracle->gone[take(list, 0).line] = true;
}

static void drop_those_for(struct oracle *oracle, struct list *list, unsigned number)
{
    for (size_t i = list->count; i-- > 0;)
        if (list->items[i].number == number)
            oracle->gone[take(list, i).line] = true;
}

/* What waited for a port comes before all that came since. */
static void bring(struct model_actor *actor, unsigned number)
{
    struct list all = {.count = 0};
    for (size_t i = 0; i < actor->waiting.count;) {
        if (actor->waiting.items[i].number == number) {
            struct queued moved = take(&actor->waiting, i);
            push(&all, moved);
        } else {
            i++;
        }
    }
    for (size_t i = 0; i < actor->mailbox.count; i++)
        push(&all, actor->mailbox.items[i]);
    actor->mailbox = all;
}

/* ---- what an actor is ---- */

static bool is_paused(const struct model_actor *actor)
{
    bool paused = false;
    for (int i = 0; i <= KEYS; i++)
        paused |= actor->paused[i];
    return paused;
}

static bool is_cut_short(const struct model_actor *actor)
{
    return actor->killed || actor->killed_now || actor->fatal || actor->exiting;
}

static bool is_kept_alive(const struct model_actor *actor)
{
    bool kept = false;
    for (int i = 0; i < PLACES; i++)
        kept |= actor->ports[i].open && !actor->ports[i].weak;
    for (int i = 0; i < ALARMS; i++)
        kept |= actor->alarms[i].armed;
    return kept;
}

static bool is_over(const struct model_actor *actor)
{
    return is_cut_short(actor) || (actor->entered && actor->mailbox.count == 0 &&
                                   !is_kept_alive(actor) && !is_paused(actor));
}

static bool is_held_at_start(const struct model_actor *actor)
{
    return actor->hold_at_start && !actor->entered && !is_cut_short(actor);
}

static bool is_held_at_exit(const struct model_actor *actor)
{
    return actor->hold_at_exit && !actor->busy && is_over(actor) && !actor->last;
}

lc_isolate_state oracle_state(const struct oracle *oracle, int index)
{
    const struct model_actor *actor = &oracle->actors[index];
    if (!actor->alive)
        return LC_ISOLATE_ENDED;
    if (is_held_at_exit(actor))
        return LC_ISOLATE_HELD_AT_EXIT;
    if (is_held_at_start(actor))
        return LC_ISOLATE_HELD_AT_START;
    if (is_paused(actor))
        return LC_ISOLATE_PAUSED;
    return actor->entered ? LC_ISOLATE_RUNNING : LC_ISOLATE_START;
}

int oracle_anything(const struct oracle *oracle, int actor)
{
    return oracle->actors[actor].alive ? 0 : -ESRCH;
}

static struct model_port *find_port(struct model_actor *actor, unsigned number)
{
    for (int i = 0; i < PLACES; i++)
        if (actor->ports[i].open && actor->ports[i].number == number)
            return &actor->ports[i];
    return NULL;
}

static void expect(struct model_actor *actor, int watcher, enum sight sight, unsigned line)
{
    actor->expected[watcher][actor->expected_count[watcher]++] = (struct expected){sight, line};
}

/* ---- what is done to it ---- */

int oracle_spawn(struct oracle *oracle, int index, const struct casting *casting)
{
    struct model_actor *actor = &oracle->actors[index];
    struct model_actor spawned = {.generation = actor->generation + 1};
    spawned.casting = *casting;
    spawned.alive = true;
    spawned.survives = casting->survives;
    spawned.hold_at_start = casting->hold_at_start;
    spawned.hold_at_exit = casting->hold_at_exit;
    spawned.paused[KEYS] = casting->paused;
    spawned.alarms[ALARMS] = actor->alarms[ALARMS]; /* the driver's */
    spawned.known_generation = actor->known_generation;
    spawned.known_to_refuse = actor->known_to_refuse;
    memcpy(spawned.known_ports, actor->known_ports, sizeof spawned.known_ports);
    memcpy(spawned.notes, actor->notes, sizeof spawned.notes); /* it may have run already */
    spawned.note_count = actor->note_count;
    for (int i = 0; i < WATCHERS; i++) {
        spawned.exit_lines[i] = casting->on_exit == i ? (int)casting->exit_line : -1;
        spawned.hears_errors[i] = casting->on_error == i;
    }
    *actor = spawned;
    return 0;
}

static int put(struct oracle *oracle, struct model_actor *actor, unsigned number, unsigned line,
               bool from_itself)
{
    const struct queued message = {line, number, 0};
    if (!actor->alive || !find_port(actor, number)) {
        oracle->gone[line] = true;
        return 0;
    }
    if (counted(&actor->mailbox) + counted(&actor->waiting) < actor->casting.limit) {
        push(&actor->mailbox, message);
        return 0;
    }
    if (actor->casting.when_full == LC_FULL_DROP_OLDEST) {
        struct list *oldest = counted(&actor->waiting) > 0 ? &actor->waiting : &actor->mailbox;
        oracle->gone[take(oldest, find(oldest, 0)).line] = true;
        push(&actor->mailbox, message);
        return 0;
    }
    oracle->gone[line] = true; /* it is the sender's */
    if (actor->casting.when_full == LC_FULL_REFUSE)
        return -ENOBUFS;
    return from_itself ? -EDEADLK : -ETIMEDOUT;
}

int oracle_send(struct oracle *oracle, int index, int place, unsigned line, bool from_itself)
{
    struct model_actor *actor = &oracle->actors[index];
    unsigned number = actor->ports[place].number;
    if (number == 0) {
        oracle->gone[line] = true;
        return -EINVAL;
    }
    return put(oracle, actor, number, line, from_itself);
}

int oracle_pause(struct oracle *oracle, int actor, int key)
{
    if (!oracle->actors[actor].alive)
        return -ESRCH;
    oracle->actors[actor].paused[key] = true;
    return 0;
}

int oracle_resume(struct oracle *oracle, int actor, int key)
{
    if (!oracle->actors[actor].alive)
        return -ESRCH;
    bool was = oracle->actors[actor].paused[key];
    oracle->actors[actor].paused[key] = false;
    return was ? 0 : -ENOENT;
}

int oracle_ping(struct oracle *oracle, int index, int watcher, unsigned line, bool next_event)
{
    struct model_actor *actor = &oracle->actors[index];
    if (!actor->alive) {
        oracle->gone[line] = true;
        return -ESRCH;
    }
    if (next_event)
        push(&actor->control, (struct queued){line, (unsigned)watcher, 0});
    else
        expect(actor, watcher, SIGHT_PING, line);
    return 0;
}

int oracle_kill(struct oracle *oracle, int actor, bool at_once)
{
    if (!oracle->actors[actor].alive)
        return -ESRCH;
    if (at_once)
        oracle->actors[actor].killed_now = true;
    else
        oracle->actors[actor].killed = true;
    return 0;
}

int oracle_set_fatal(struct oracle *oracle, int actor, bool fatal)
{
    if (!oracle->actors[actor].alive)
        return -ESRCH;
    oracle->actors[actor].survives = !fatal;
    return 0;
}

int oracle_listen_exit(struct oracle *oracle, int index, int watcher, unsigned line)
{
    struct model_actor *actor = &oracle->actors[index];
    if (!actor->alive) {
        oracle->gone[line] = true;
        return -ESRCH;
    }
    if (actor->exit_lines[watcher] >= 0)
        oracle->gone[actor->exit_lines[watcher]] = true;
    actor->exit_lines[watcher] = (int)line;
    return 0;
}

int oracle_unlisten_exit(struct oracle *oracle, int index, int watcher)
{
    struct model_actor *actor = &oracle->actors[index];
    if (!actor->alive)
        return -ESRCH;
    if (actor->exit_lines[watcher] < 0)
        return -ENOENT;
    oracle->gone[actor->exit_lines[watcher]] = true;
    actor->exit_lines[watcher] = -1;
    return 0;
}

int oracle_listen_error(struct oracle *oracle, int actor, int watcher)
{
    if (!oracle->actors[actor].alive)
        return -ESRCH;
    oracle->actors[actor].hears_errors[watcher] = true;
    return 0;
}

int oracle_unlisten_error(struct oracle *oracle, int actor, int watcher)
{
    if (!oracle->actors[actor].alive)
        return -ESRCH;
    bool heard = oracle->actors[actor].hears_errors[watcher];
    oracle->actors[actor].hears_errors[watcher] = false;
    return heard ? 0 : -ENOENT;
}

int oracle_end_hold(struct oracle *oracle, int index)
{
    struct model_actor *actor = &oracle->actors[index];
    if (!actor->alive)
        return -ESRCH;
    if (is_held_at_start(actor))
        actor->hold_at_start = false;
    else if (is_held_at_exit(actor))
        actor->hold_at_exit = false;
    else
        return -ENOENT;
    return 0;
}

void oracle_group_down(struct oracle *oracle)
{
    for (int i = 0; i < ACTORS; i++) {
        struct model_actor *actor = &oracle->actors[i];
        if (!actor->casting.in_group)
            continue;
        actor->killed = true;
        actor->hold_at_start = actor->hold_at_exit = false;
    }
}

/* ---- timers ---- */

int oracle_start_alarm(struct oracle *oracle, int index, int at, int place, unsigned line)
{
    struct model_actor *actor = &oracle->actors[index];
    if (actor->ports[place].number == 0) {
        oracle->gone[oracle->lines[line].load] = true;
        return -EINVAL;
    }
    const struct line *started = &oracle->lines[line];
    actor->alarms[at] = (struct model_alarm){
        .armed = true,
        .foreign = at == ALARMS,
        .generation = actor->generation,
        .number = actor->ports[place].number,
        .started = line,
        .line = started->load,
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
static void tick(struct model_actor *actor, const struct model_alarm *alarm)
{
    if (!has_tick(&actor->mailbox, alarm) && !has_tick(&actor->waiting, alarm))
        push(&actor->mailbox, (struct queued){alarm->line, alarm->number, alarm->started});
}

int oracle_cancel_alarm(struct oracle *oracle, int actor, int at)
{
    struct model_alarm *alarm = &oracle->actors[actor].alarms[at];
    struct list *lists[] = {&oracle->actors[actor].mailbox, &oracle->actors[actor].waiting};
    bool prevented = alarm->armed;
    for (int i = 0; i < 2; i++)
        if (alarm->started && has_tick(lists[i], alarm)) {
            take(lists[i], find(lists[i], alarm->started));
            prevented = true;
        }
    alarm->armed = false;
    if (prevented)
        oracle->gone[alarm->line] = true;
    return prevented;
}

static void fire_one(struct oracle *oracle, struct model_actor *actor, struct model_alarm *alarm)
{
    bool open =
        actor->alive && actor->generation == alarm->generation && find_port(actor, alarm->number);
    if (open)
        tick(actor, alarm);
    else
        oracle->gone[alarm->line] = true;
    alarm->due += alarm->period;
    alarm->armed = alarm->period > 0 && open;
}

void oracle_fire(struct oracle *oracle)
{
    for (int i = 0; i < ACTORS; i++)
        for (int at = 0; at <= ALARMS; at++) {
            struct model_alarm *alarm = &oracle->actors[i].alarms[at];
            if (alarm->armed && alarm->due == oracle->slot)
                fire_one(oracle, &oracle->actors[i], alarm);
        }
}

/* ---- its end ---- */

static void say_last(struct model_actor *actor)
{
    if (actor->last)
        expect(actor, actor->last_watcher, SIGHT_LAST, actor->last);
    actor->last = 0;
}

static void end(struct oracle *oracle, int index)
{
    struct model_actor *actor = &oracle->actors[index];
    actor->alive = false;
    drop_all(oracle, &actor->mailbox);
    drop_all(oracle, &actor->waiting);
    for (int i = 0; i < ALARMS; i++)
        oracle_cancel_alarm(oracle, index, i);
    say_last(actor);
    for (int i = 0; i < WATCHERS; i++)
        if (actor->exit_lines[i] >= 0)
            expect(actor, i, SIGHT_EXIT, (unsigned)actor->exit_lines[i]);
}

static void fail(struct model_actor *actor, unsigned line)
{
    for (int i = 0; i < WATCHERS; i++)
        if (actor->hears_errors[i])
            expect(actor, i, SIGHT_ERROR, line);
    if (!actor->survives)
        actor->fatal = true;
}

/* ---- lines ---- */

/* The next note, which must be this one. NULL: it is not. */
static const struct note *read_note(struct oracle *oracle, struct model_actor *actor, unsigned line,
                                    bool deferred)
{
    const struct note *note = &actor->notes[actor->read_count];
    bool there =
        actor->read_count < actor->note_count && note->line == line && note->deferred == deferred;
    oracle_claim(oracle, there, "what an isolate has done, or its order");
    actor->read_count += there;
    return there ? note : NULL;
}

static int open_port(struct model_actor *actor, const struct line *line)
{
    struct model_port *port = &actor->ports[line->place];
    if (port->open)
        return -EEXIST;
    port->number = ++actor->ports_opened;
    port->open = true;
    port->weak = line->act == ACT_OPEN_WEAK;
    port->deaf = line->act == ACT_OPEN_DEAF;
    actor->uneven |= port->deaf;
    return 0;
}

static int change_port(struct oracle *oracle, struct model_actor *actor, const struct line *line)
{
    struct model_port *port = &actor->ports[line->place];
    if (!port->open)
        return -EBADF;
    if (line->act == ACT_WEAKEN || line->act == ACT_STRENGTHEN) {
        port->weak = line->act == ACT_WEAKEN;
    } else if (line->act == ACT_CLOSE) {
        port->open = false;
        drop_those_for(oracle, &actor->mailbox, port->number);
        drop_those_for(oracle, &actor->waiting, port->number);
    } else {
        port->deaf = line->act == ACT_IGNORE;
        actor->uneven |= port->deaf;
        if (!port->deaf)
            bring(actor, port->number);
    }
    return 0;
}

static int send(struct oracle *oracle, int index, const struct line *line)
{
    struct model_actor *other = &oracle->actors[line->other];
    if (line->other == index)
        return oracle_send(oracle, index, line->other_place, line->load, true);
    if (other->known_generation != line->generation || other->known_to_refuse ||
        other->known_ports[line->other_place] == 0)
        return -EXDEV;
    oracle->crossings[line->load] = (struct crossing){
        true,
        index,
        line->other,
        line->generation,
        other->known_ports[line->other_place],
        ++oracle->stamps,
    };
    return 0;
}

/* What the line does, and is to give. */
static int apply(struct oracle *oracle, int index, unsigned at)
{
    struct model_actor *actor = &oracle->actors[index];
    const struct line *line = &oracle->lines[at];
    switch (line->act) {
    case ACT_OPEN:
    case ACT_OPEN_WEAK:
    case ACT_OPEN_DEAF:
        return open_port(actor, line);
    case ACT_CLOSE:
    case ACT_LISTEN:
    case ACT_IGNORE:
    case ACT_WEAKEN:
    case ACT_STRENGTHEN:
        return change_port(oracle, actor, line);
    case ACT_START_ALARM:
        if (line->due <= oracle->slot) {
            oracle->gone[line->load] = true;
            return -ETIME;
        }
        return oracle_start_alarm(oracle, index, line->place, line->other_place, at);
    case ACT_CANCEL_ALARM:
        return oracle_cancel_alarm(oracle, index, line->place);
    case ACT_SEND:
        return send(oracle, index, line);
    case ACT_PAUSE:
        return oracle_pause(oracle, index, line->place);
    case ACT_PING:
        return oracle_ping(oracle, index, line->place, line->load, line->flag);
    case ACT_DEFER:
        actor->deferred[actor->deferred_count++] = at;
        return 0;
    case ACT_KEEP:
        oracle->gone[at] |= actor->handled == at && line->moved;
        return actor->handled == at && line->moved;
    case ACT_FATAL:
        return oracle_set_fatal(oracle, index, line->flag);
    case ACT_SPAWN:
        if (oracle->actors[line->other].generation != line->generation)
            return -EXDEV;
        return oracle_spawn(oracle, line->other, &oracle->castings[line->other]);
    case ACT_KILL:
        return oracle_kill(oracle, index, false);
    case ACT_NOTHING:
    case ACT_WAIT:
    case ACT_BREATHE:
        return 0;
    case ACT_KILL_NOW:
        actor->killed_now = true;
        break;
    case ACT_FAIL:
    case ACT_THROW:
        fail(actor, at);
        break;
    case ACT_EXIT:
        actor->exiting = true;
        actor->last = line->load;
        actor->last_watcher = line->place;
        break;
    }
    return NO_RESULT;
}

/* The event is over: deferred calls, the last first, and the message. */
static void finish(struct oracle *oracle, struct model_actor *actor)
{
    while (actor->deferred_count > 0)
        read_note(oracle, actor, actor->deferred[--actor->deferred_count], true);
    oracle->gone[actor->handled] = true;
    actor->busy = false;
}

/* Does a chain from `at` on. */
static void play(struct oracle *oracle, int index, unsigned at)
{
    struct model_actor *actor = &oracle->actors[index];
    while (at && !oracle->wrong) {
        const struct line *line = &oracle->lines[at];
        actor->busy_note = actor->read_count;
        const struct note *note = read_note(oracle, actor, at, false);
        if (!note)
            break;
        if (line->act == ACT_WAIT) {
            actor->busy = true;
            actor->going_on = line->next;
            return;
        }
        if (line->act == ACT_START_ALARM)
            oracle_cancel_alarm(oracle, index, line->place);
        bool failed = oracle->faulty && note->result == -ENOMEM;
        int result = failed ? -ENOMEM : apply(oracle, index, at);
        if (failed)
            oracle->gone[line->act == ACT_SPAWN ? oracle->castings[line->other].exit_line
                                                : line->load] = true;
        if (result != note->result && !oracle->wrong)
            oracle_claim(oracle, false, "what a call in an isolate returned");
        at = result == NO_RESULT ? 0 : line->next;
    }
    finish(oracle, actor);
}

/* Back from a wait; unless a kill at once came during the wait. */
static void go_on(struct oracle *oracle, int index)
{
    struct model_actor *actor = &oracle->actors[index];
    int result = actor->notes[actor->busy_note].result;
    actor->busy = false;
    oracle_claim(oracle, result == (actor->killed_now ? NO_RESULT : 0),
                 "whether a handler went on after its wait");
    play(oracle, index, actor->killed_now ? 0 : actor->going_on);
}

/* @return whether there was anything to do. */
static bool run_one(struct oracle *oracle, int index)
{
    struct model_actor *actor = &oracle->actors[index];
    if (!actor->alive || actor->busy)
        return false;
    if (actor->control.count > 0) {
        struct queued ping = take(&actor->control, 0);
        expect(actor, (int)ping.number, SIGHT_PING, ping.line);
        return true;
    }
    if (is_over(actor)) {
        bool says = actor->last != 0;
        if (actor->hold_at_exit)
            say_last(actor);
        if (actor->hold_at_exit)
            return says;
        end(oracle, index);
        return true;
    }
    if (is_held_at_start(actor) || is_paused(actor))
        return false;
    if (!actor->entered) {
        actor->entered = true;
        actor->handled = 0;
        play(oracle, index, actor->casting.entry);
        return true;
    }
    if (actor->mailbox.count == 0)
        return false;
    struct queued message = take(&actor->mailbox, 0);
    if (find_port(actor, message.number)->deaf) {
        push(&actor->waiting, message);
    } else {
        actor->handled = message.line;
        play(oracle, index, message.line);
    }
    return true;
}

void oracle_run(struct oracle *oracle, bool waits_over)
{
    bool any = true;
    while (any && !oracle->wrong) {
        any = false;
        for (int i = 0; i < ACTORS && !oracle->wrong; i++) {
            if (waits_over && oracle->actors[i].alive && oracle->actors[i].busy) {
                go_on(oracle, i);
                any = true;
            }
            any |= run_one(oracle, i);
        }
    }
}

void oracle_settle(struct oracle *oracle)
{
    for (int i = 0; i < ACTORS; i++) {
        struct model_actor *actor = &oracle->actors[i];
        oracle_claim(oracle, actor->read_count == actor->note_count,
                     "that an isolate has done nothing more");
        if (!actor->busy)
            actor->note_count = actor->read_count = 0;
        actor->known_generation = actor->generation;
        actor->known_to_refuse = actor->casting.limit != LC_MAILBOX_UNLIMITED;
        for (int place = 0; place < PLACES; place++)
            actor->known_ports[place] = actor->ports[place].number;
        for (int watcher = 0; watcher < WATCHERS; watcher++)
            actor->expected_count[watcher] = actor->seen_count[watcher] = 0;
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
        oracle->gone[expected->line] = true;
}

bool oracle_see(struct oracle *oracle, int watcher, unsigned line, bool error)
{
    struct model_actor *actor = &oracle->actors[oracle->lines[line].actor];
    while (actor->seen_count[watcher] < actor->expected_count[watcher]) {
        const struct expected *next = &actor->expected[watcher][actor->seen_count[watcher]++];
        if (next->line == line && (next->sight == SIGHT_ERROR) == error) {
            oracle->gone[line] |= !error;
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
    for (int i = 0; i < ACTORS; i++) {
        const struct model_actor *actor = &oracle->actors[i];
        for (int watcher = 0; watcher < WATCHERS; watcher++)
            for (size_t at = actor->seen_count[watcher]; at < actor->expected_count[watcher];
                 at++) {
                all &= may_be_lost(oracle, &actor->expected[watcher][at]);
                lose(oracle, &actor->expected[watcher][at]);
            }
    }
    return all;
}

/* ---- messages between actors ---- */

bool oracle_is_dropped(const struct oracle *oracle, unsigned line)
{
    const struct crossing *crossing = &oracle->crossings[line];
    const struct model_actor *to = &oracle->actors[crossing->to];
    if (!to->alive || to->generation != crossing->generation)
        return true;
    return !find_port((struct model_actor *)(uintptr_t)to, crossing->number);
}

bool oracle_is_due(const struct oracle *oracle, unsigned line)
{
    const struct crossing *crossing = &oracle->crossings[line];
    const struct model_actor *to = &oracle->actors[crossing->to];
    if (oracle_is_dropped(oracle, line) || is_paused(to) || is_over(to) || to->busy || !to->entered)
        return false;
    return !find_port((struct model_actor *)(uintptr_t)to, crossing->number)->deaf;
}
