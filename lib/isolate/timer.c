/*
 * timer.c: messages that come later. See <lifecycle/port.h>.
 *
 * A timer is a record of a pool, as an isolate is. It is given back when nothing refers to it any
 * more: the clock while it is armed or firing, its isolate's list, a tick that was not delivered,
 * and a call that is just cancelling it.
 *
 * A timer has at most one tick that was not delivered. While there is one, a period that passes
 * only adds to `periods`; the tick takes that number along when it is delivered (lc__tick_deliver),
 * and the next period sends another. A tick of a cancelled timer is not delivered: its receiver
 * frees it.
 */
#include "isolate/timer.h"

#include "base/fork.h"
#include "base/library.h"
#include "executor/timers.h"
#include "isolate/check.h"
#include "isolate/lookup.h"
#include "isolate/port.h"
#include "isolate/schedule.h"
#include "isolate/send.h"
#include "isolate/thread_port.h"

#include <lifecycle/log.h>
#include <lifecycle/simulate.h>

#include <errno.h>
#include <string.h>

struct lc__message_timer {
    void *free; /* the pool's */
    struct lc__tick_origin origin;
    struct lc__spinlock lock; /* for what follows, to `message` */
    uint32_t place;
    uint64_t serial;
    unsigned refs;
    bool armed;            /* it is to send, or to send again */
    bool has_tick;         /* one that was not delivered, which has a reference to the timer */
    lc_message *moved;     /* that tick, if it may carry moved data: of a timer that fires once */
    atomic_bool cancelled; /* set under the lock, once; no tick is delivered from then on */
    uint64_t periods;      /* that have passed, less those that ticks were delivered for */
    lc_message *message;   /* what it sends; of a periodic timer copies of it */
    /* Unchanging while it is armed. */
    struct lc__timer timer;
    int64_t deadline; /* who fires it changes that */
    int64_t period;
    lc_send_port port;
    lc_executor *simulated;             /* the simulation it was started in; NULL: the real world */
    lc_send_port owner;                 /* the isolate's control port; LC_NO_PORT: nobody's */
    LIST_ENTRY(lc__message_timer) link; /* of the owner's; under the owner's lock */
};

static struct lc__pool timers = {
    .record_size = sizeof(struct lc__message_timer),
    .place_at = offsetof(struct lc__message_timer, place),
};

static void free_pool(void)
{
    lc__pool_free_all(&timers);
}

/* That none is armed is the executors', and the clock's, to tell. */
static struct lc__facility facility = {.shut_down = free_pool, .is_memory = true};

static void drop_ref(struct lc__message_timer *timer)
{
    lc_message *message = NULL;
    lc__spinlock_lock(&timer->lock);
    bool last = --timer->refs == 0;
    if (last) {
        message = timer->message;
        timer->message = NULL;
        timer->serial++;
    }
    lc__spinlock_unlock(&timer->lock);
    if (!last)
        return;
    lc_message_free(message);
    lc__pool_give(&timers, lc__loop_index(), timer);
}

/* Its isolate, if it has one and that is alive, no longer lives for it. */
static void leave_owner(struct lc__message_timer *timer)
{
    struct lc__isolate *owner = lc__isolate_lock(timer->owner);
    if (!owner)
        return; /* or it has ended, and sees to its list */
    LIST_REMOVE(timer, link);
    owner->keeping--;
    lc__isolate_unlock_changed(owner);
    drop_ref(timer);
}

/* ---- firing ---- */

static int64_t add(int64_t time, int64_t nanoseconds)
{
    return nanoseconds > LC_FOREVER - time ? LC_FOREVER : time + nanoseconds;
}

/* The next time that is still to come: what was missed is left out. */
static int64_t next_deadline(const struct lc__message_timer *timer, int64_t now)
{
    int64_t missed = now > timer->deadline ? (now - timer->deadline) / timer->period : 0;
    return add(timer->deadline + missed * timer->period, timer->period);
}

/* How many periods have passed with the one that is due. */
static uint64_t periods_until(const struct lc__message_timer *timer, int64_t now)
{
    if (timer->period == 0 || now <= timer->deadline)
        return 1;
    return 1 + (uint64_t)((now - timer->deadline) / timer->period);
}

static void unset_tick(struct lc__message_timer *timer)
{
    lc__spinlock_lock(&timer->lock);
    timer->has_tick = false;
    timer->moved = NULL;
    lc__spinlock_unlock(&timer->lock);
    drop_ref(timer);
}

/*
 * A copy of what a periodic timer sends. Without memory for it the next tick stands for this, too.
 */
static lc_message *copy_message(struct lc__message_timer *timer)
{
    const lc_payload payload = {timer->message->data, timer->message->size, NULL};
    lc_message *copy = lc__message_new_tick(timer->message->port, &payload);
    if (!copy)
        unset_tick(timer);
    return copy;
}

/*
 * What it is to send now. @return NULL: it was cancelled, its last tick was not delivered, or there
 * is no memory. *again: it is periodic, and the caller gets a reference.
 */
static lc_message *take_message(struct lc__message_timer *timer, int64_t now, bool *again)
{
    lc_message *message = NULL;
    lc__spinlock_lock(&timer->lock);
    bool sends = timer->armed && !timer->has_tick;
    *again = timer->armed && timer->period > 0;
    if (timer->armed)
        timer->periods += periods_until(timer, now);
    if (sends && !*again) {
        message = timer->moved = timer->message;
        timer->message = NULL;
    }
    timer->armed = *again;
    timer->has_tick |= sends;
    timer->refs += (unsigned)*again + (unsigned)sends; /* the caller's, and the tick's */
    lc__spinlock_unlock(&timer->lock);
    if (sends && *again)
        message = copy_message(timer);
    if (message)
        lc__tick_of(message)->origin = &timer->origin;
    return message;
}

static bool arm_again(struct lc__message_timer *timer, int64_t now)
{
    timer->deadline = next_deadline(timer, now);
    int result = lc__timer_arm(&timer->timer, timer->deadline);
    if (result < 0) {
        lc_log(LC_LOG_ERROR, NULL, "a periodic message ends, its timer cannot be armed: %s",
               strerror(-result));
        return false;
    }
    /* Cancelled before that: who did could not disarm it. */
    lc__spinlock_lock(&timer->lock);
    bool armed = timer->armed;
    lc__spinlock_unlock(&timer->lock);
    return armed || !lc__timer_disarm(&timer->timer);
}

/* It sends nothing any more, and the clock's reference is the caller's. */
static void end_timer(struct lc__message_timer *timer)
{
    lc__spinlock_lock(&timer->lock);
    timer->armed = false;
    lc__spinlock_unlock(&timer->lock);
    leave_owner(timer);
    drop_ref(timer);
}

/*
 * The caller has a reference. A cancel that came before the tick was in its queue has not found it
 * there, but is seen here, as both have held the channel's lock.
 */
static void send_tick(const struct lc__message_timer *timer, lc_message *tick)
{
    const lc_send_port port = timer->port;
    lc__send_own(tick);
    if (lc__port_is_of_thread(port) &&
        atomic_load_explicit(&timer->cancelled, memory_order_relaxed))
        lc__thread_port_purge(port);
}

static void fire(struct lc__timer *fired)
{
    struct lc__message_timer *timer =
        (struct lc__message_timer *)((char *)fired - offsetof(struct lc__message_timer, timer));
    bool periodic;
    int64_t now = lc_now();
    lc_message *message = take_message(timer, now, &periodic);
    bool again = periodic && lc_port_is_open(timer->port);
    if (message)
        send_tick(timer, message);
    if (!again || !arm_again(timer, now))
        end_timer(timer); /* after the message is there: the isolate lives for one or the other */
    /* Armed again, it may be cancelled, and the clock's reference is no longer ours. */
    if (periodic)
        drop_ref(timer);
}

/* Under the timers' lock. The record stays: the clock's reference is given back by `fire`. */
static bool is_due(struct lc__timer *timer)
{
    (void)timer;
    return true;
}

/* ---- ticks ---- */

static struct lc__message_timer *of_origin(const struct lc__tick_origin *origin)
{
    return (struct lc__message_timer *)((char *)(uintptr_t)origin -
                                        offsetof(struct lc__message_timer, origin));
}

static bool is_tick_void(const struct lc__tick_origin *origin)
{
    return atomic_load_explicit(&of_origin(origin)->cancelled, memory_order_relaxed);
}

static bool deliver_tick(struct lc__tick_origin *origin, lc_message *tick)
{
    struct lc__message_timer *timer = of_origin(origin);
    lc__spinlock_lock(&timer->lock);
    bool delivered = !atomic_load_explicit(&timer->cancelled, memory_order_relaxed);
    timer->has_tick = false;
    timer->moved = NULL;
    *lc__tick_of(tick) = (struct lc__tick){NULL, timer->periods};
    timer->periods = 0;
    lc__spinlock_unlock(&timer->lock);
    drop_ref(timer);
    return delivered;
}

static void forget_tick(struct lc__tick_origin *origin)
{
    unset_tick(of_origin(origin));
}

static const struct lc__tick_operations tick_operations = {deliver_tick, is_tick_void, forget_tick};

/* ---- starting ---- */

/* Puts it among those of the isolate that runs. */
static void enter_owner(struct lc__message_timer *timer, struct lc__isolate *owner,
                        struct lc__extras *extras)
{
    lc__spinlock_lock(&owner->lock);
    LIST_INSERT_HEAD(&extras->timers, timer, link);
    owner->keeping++;
    lc__isolate_unlock(owner);
}

/* The simulation that calls; NULL: the real world does. */
static lc_executor *this_world(void)
{
    return lc_is_simulated() ? lc_executor_current() : NULL;
}

static struct lc__message_timer *make(lc_message *message, int64_t after, int64_t period,
                                      const struct lc__isolate *owner)
{
    lc__facility_register(&facility);
    struct lc__message_timer *timer = lc__pool_take(&timers, lc__loop_index());
    if (!timer)
        return NULL;
    lc__spinlock_lock(&timer->lock);
    if (timer->serial == 0)
        timer->serial = lc__pool_first_serial(&timers);
    timer->origin.operations = &tick_operations;
    timer->refs = owner ? 3 : 2; /* the clock's, the owner's, and ours until it is armed */
    timer->armed = true;
    timer->has_tick = false;
    timer->moved = NULL;
    atomic_store_explicit(&timer->cancelled, false, memory_order_relaxed);
    timer->periods = 0;
    timer->message = message;
    timer->deadline = add(lc_now(), after); /* not LC_NOW, since a period counts from it */
    timer->period = period;
    timer->port = message->port;
    timer->owner = owner ? lc__isolate_control_port(owner) : LC_NO_PORT;
    timer->simulated = this_world();
    timer->timer.due = is_due;
    timer->timer.fire = fire;
    lc__spinlock_unlock(&timer->lock);
    return timer;
}

static int arm(struct lc__message_timer *timer)
{
    int result = lc__timer_arm(&timer->timer, timer->deadline);
    if (result == 0)
        return 0;
    lc__spinlock_lock(&timer->lock);
    lc_message *message = timer->message;
    timer->armed = false;
    timer->message = NULL;
    lc__spinlock_unlock(&timer->lock);
    lc__message_disown(message);
    leave_owner(timer);
    drop_ref(timer);
    return result;
}

int lc_timer_start(lc_send_port port, const lc_payload *payload, int64_t after, int64_t period,
                   lc_timer *started)
{
    lc__isolate_check_with(payload);
    if (!lc_send_port_is_set(port) || lc__payload_check(payload) < 0 || after < 0 || period < 0 ||
        (period > 0 && payload && payload->destroy))
        return -EINVAL;
    if (lc__forked() || lc__port_check_world(port) < 0)
        return -ENOTSUP;
    struct lc__isolate *owner = lc__isolate_running();
    struct lc__extras *extras = owner ? lc__isolate_extras(owner) : NULL;
    lc_message *message = owner && !extras ? NULL : lc__message_new_tick(port, payload);
    struct lc__message_timer *timer = message ? make(message, after, period, owner) : NULL;
    if (!timer) {
        lc__message_disown(message);
        return -ENOMEM;
    }
    const lc_timer made = {timer->serial, timer->place};
    if (owner)
        enter_owner(timer, owner, extras);
    int result = arm(timer);
    drop_ref(timer);
    if (result == 0 && started)
        *started = made;
    return result;
}

/* ---- cancelling ---- */

/* Has it send nothing any more; its caller has a reference. @return whether it would have. */
static bool disarm(struct lc__message_timer *timer)
{
    lc__spinlock_lock(&timer->lock);
    bool armed = timer->armed;
    timer->armed = false;
    lc__spinlock_unlock(&timer->lock);
    /* If it is being fired, who does that sees that it is armed no more. */
    if (armed && lc__timer_disarm(&timer->timer)) {
        leave_owner(timer);
        drop_ref(timer);
    }
    return armed;
}

/*
 * Under the lock: no tick is delivered from now on. One that is on its way stays there, until its
 * receiver comes to it, but what it carries is given up at once: @return that.
 */
static lc_payload cancel(struct lc__message_timer *timer)
{
    lc_message *tick = timer->moved;
    lc_payload payload = {NULL, 0, NULL};
    atomic_store_explicit(&timer->cancelled, true, memory_order_relaxed);
    if (tick) {
        payload = (lc_payload){tick->data, tick->size, tick->destroy};
        tick->destroy = NULL;
    }
    return payload;
}

bool lc_timer_cancel(lc_timer cancelled)
{
    lc__task_check();
    struct lc__message_timer *timer =
        cancelled.serial && !lc__forked() ? lc__pool_at(&timers, cancelled.place) : NULL;
    if (!timer)
        return false;
    const lc_executor *world = this_world();
    lc__spinlock_lock(&timer->lock);
    bool there = timer->serial == cancelled.serial && timer->refs > 0;
    bool prevented = there && timer->simulated == world && (timer->armed || timer->has_tick) &&
                     !atomic_load_explicit(&timer->cancelled, memory_order_relaxed);
    lc_payload payload = prevented ? cancel(timer) : (lc_payload){NULL, 0, NULL};
    timer->refs += prevented;
    const lc_send_port port = prevented && timer->has_tick ? timer->port : LC_NO_PORT;
    lc__spinlock_unlock(&timer->lock);
    if (!prevented)
        return false;
    lc__payload_destroy(&payload);
    disarm(timer);
    if (lc__port_is_of_thread(port))
        lc__thread_port_purge(port);
    drop_ref(timer);
    return true;
}

void lc__message_timers_end(struct lc__message_timers *list)
{
    for (struct lc__message_timer *timer; (timer = LIST_FIRST(list));) {
        LIST_REMOVE(timer, link);
        disarm(timer);
        drop_ref(timer); /* the list's */
    }
}

void lc__message_timers_drop(const lc_executor *executor)
{
    uint32_t made = lc__pool_made(&timers);
    for (uint32_t place = 0; place < made; place++) {
        struct lc__message_timer *timer = lc__pool_at(&timers, place);
        lc__spinlock_lock(&timer->lock);
        bool lost = timer->refs > 0 && timer->armed && timer->simulated == executor;
        timer->refs += lost;
        lc__spinlock_unlock(&timer->lock);
        if (!lost)
            continue;
        disarm(timer);
        drop_ref(timer);
    }
}
