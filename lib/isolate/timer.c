/*
 * timer.c: see timer.h and <lifecycle/port.h>.
 *
 * A timer is a record of a pool, as an isolate is (record.h). Its references are: one of the
 * clock while the timer is armed or fires, one of its isolate's list, one of a tick that is not
 * delivered, and one of each call that cancels it. The last one gives the record back.
 *
 * A timer has at most one tick that is not delivered. While there is one, a period that passes
 * only adds to `periods`. The tick takes that number along when it is delivered
 * (timer_deliver_tick), and the next period sends another tick. A tick of a cancelled timer, a
 * void one, is not delivered: its receiver frees it.
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
    bool armed;            /* the timer is to send, or to send again */
    bool has_tick;         /* a tick is not delivered; it has a reference to the timer */
    lc_message *moved;     /* that tick, of a timer that fires once: it may carry moved data */
    atomic_bool cancelled; /* set under the lock, once; then no tick is delivered */
    uint64_t periods;      /* that have passed, without those of delivered ticks */
    lc_message *message;   /* what the timer sends; a periodic timer sends copies of it */
    /* Unchanging while the timer is armed. */
    struct lc__timer timer;
    int64_t deadline; /* timer_fire() advances it */
    int64_t period;
    lc_send_port port;
    lc_executor *simulated;             /* the simulation of its starter; NULL: the real world */
    lc_send_port owner;                 /* an isolate's control port; LC_NO_PORT: none's */
    LIST_ENTRY(lc__message_timer) link; /* of the owner's list; under the owner's lock */
};

static struct lc__pool timers = {
    .record_size = sizeof(struct lc__message_timer),
    .place_at = offsetof(struct lc__message_timer, place),
};

static void timers_free(void)
{
    lc__pool_free_all(&timers);
}

/* An armed timer keeps its executor, or the clock, busy, so this facility never is. */
static struct lc__facility facility = {.shut_down = timers_free, .is_memory = true};

static void timer_unref(struct lc__message_timer *timer)
{
    lc_message *message = NULL;
    lc__spinlock_lock(&timer->lock);
    LC__ASSERT(timer->refs > 0);
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

/* Takes the timer off the list of its isolate, which it no longer keeps alive. */
static void timer_leave_owner(struct lc__message_timer *timer)
{
    struct lc__isolate *owner = lc__isolate_lock(timer->owner);
    if (!owner)
        return; /* it has none; or the isolate has ended, and empties its list */
    LIST_REMOVE(timer, link);
    owner->keep_alive--;
    lc__isolate_unlock_changed(owner);
    timer_unref(timer);
}

/* ---- firing ---- */

static int64_t deadline_add(int64_t time, int64_t nanoseconds)
{
    return nanoseconds > LC_FOREVER - time ? LC_FOREVER : time + nanoseconds;
}

/* The first deadline that is still to come. */
static int64_t timer_next_deadline(const struct lc__message_timer *timer, int64_t now)
{
    int64_t missed = now > timer->deadline ? (now - timer->deadline) / timer->period : 0;
    return deadline_add(timer->deadline + missed * timer->period, timer->period);
}

/* How many periods have passed, with the one that is due. */
static uint64_t timer_periods_until(const struct lc__message_timer *timer, int64_t now)
{
    if (timer->period == 0 || now <= timer->deadline)
        return 1;
    return 1 + (uint64_t)((now - timer->deadline) / timer->period);
}

static void timer_unset_tick(struct lc__message_timer *timer)
{
    lc__spinlock_lock(&timer->lock);
    LC__ASSERT(timer->has_tick);
    timer->has_tick = false;
    timer->moved = NULL;
    lc__spinlock_unlock(&timer->lock);
    timer_unref(timer);
}

/* Copies what a periodic timer sends. NULL: no memory; the next tick stands for this one too. */
static lc_message *timer_copy_message(struct lc__message_timer *timer)
{
    const lc_payload payload = {timer->message->data, timer->message->size, NULL};
    lc_message *copy = lc__message_new_tick(timer->message->port, &payload);
    if (!copy)
        timer_unset_tick(timer);
    return copy;
}

/*
 * Takes what the timer sends now. NULL: the timer was cancelled, its last tick is not delivered, or
 * there is no memory. `*again`: the timer is periodic, and the caller gets a reference.
 */
static lc_message *timer_take_message(struct lc__message_timer *timer, int64_t now, bool *again)
{
    lc_message *message = NULL;
    lc__spinlock_lock(&timer->lock);
    bool sends = timer->armed && !timer->has_tick;
    *again = timer->armed && timer->period > 0;
    if (timer->armed)
        timer->periods += timer_periods_until(timer, now);
    if (sends && !*again) {
        message = timer->moved = timer->message;
        timer->message = NULL;
    }
    timer->armed = *again;
    timer->has_tick |= sends;
    timer->refs += (unsigned)*again + (unsigned)sends; /* the caller's, and the tick's */
    lc__spinlock_unlock(&timer->lock);
    if (sends && *again)
        message = timer_copy_message(timer);
    if (message)
        lc__tick_of(message)->origin = &timer->origin;
    return message;
}

static bool timer_arm_again(struct lc__message_timer *timer, int64_t now)
{
    timer->deadline = timer_next_deadline(timer, now);
    int result = lc__timer_arm(&timer->timer, timer->deadline);
    if (result < 0) {
        lc_log(LC_LOG_ERROR, NULL, "a periodic message ends, its timer cannot be armed: %s",
               strerror(-result));
        return false;
    }
    /* A cancel before the arming found nothing to disarm: this thread disarms instead. */
    lc__spinlock_lock(&timer->lock);
    bool armed = timer->armed;
    lc__spinlock_unlock(&timer->lock);
    return armed || !lc__timer_disarm(&timer->timer);
}

/* The timer sends nothing more. The caller has the clock's reference, and gives it back here. */
static void timer_end(struct lc__message_timer *timer)
{
    lc__spinlock_lock(&timer->lock);
    timer->armed = false;
    lc__spinlock_unlock(&timer->lock);
    timer_leave_owner(timer);
    timer_unref(timer);
}

/*
 * Sends a tick; the caller has a reference to the timer. A cancel sets `cancelled`, then looks for
 * the tick in the channel; this function puts the tick there, then loads `cancelled`. Relaxed is
 * enough, as both take the channel's lock: if the cancel comes first under it and misses the tick,
 * this load comes later and sees `cancelled`.
 */
static void timer_send_tick(const struct lc__message_timer *timer, lc_message *tick)
{
    const lc_send_port port = timer->port;
    lc__send_own(tick);
    if (lc__port_is_of_thread(port) &&
        atomic_load_explicit(&timer->cancelled, memory_order_relaxed))
        lc__thread_port_purge(port);
}

static void timer_fire(struct lc__timer *fired)
{
    struct lc__message_timer *timer = LC__CONTAINER_OF(fired, struct lc__message_timer, timer);
    bool periodic;
    int64_t now = lc_now();
    lc_message *message = timer_take_message(timer, now, &periodic);
    bool again = periodic && lc_port_is_open(timer->port);
    if (message)
        timer_send_tick(timer, message);
    if (!again || !timer_arm_again(timer, now))
        timer_end(timer); /* after the send: the timer keeps the isolate alive until then */
    /* A timer that is armed again may be cancelled, which gives the clock's reference back. */
    if (periodic)
        timer_unref(timer);
}

/* Under the lock of the clock's timers. The record stays: timer_fire() has the reference. */
static bool message_timer_due(struct lc__timer *timer)
{
    (void)timer;
    return true;
}

/* ---- ticks ---- */

static struct lc__message_timer *timer_of_origin(const struct lc__tick_origin *origin)
{
    return LC__CONTAINER_OF((uintptr_t)origin, struct lc__message_timer, origin);
}

static bool timer_tick_is_void(const struct lc__tick_origin *origin)
{
    return atomic_load_explicit(&timer_of_origin(origin)->cancelled, memory_order_relaxed);
}

static bool timer_deliver_tick(struct lc__tick_origin *origin, lc_message *tick)
{
    struct lc__message_timer *timer = timer_of_origin(origin);
    lc__spinlock_lock(&timer->lock);
    LC__ASSERT(timer->has_tick);
    bool delivered = !atomic_load_explicit(&timer->cancelled, memory_order_relaxed);
    timer->has_tick = false;
    timer->moved = NULL;
    *lc__tick_of(tick) = (struct lc__tick){NULL, timer->periods};
    timer->periods = 0;
    lc__spinlock_unlock(&timer->lock);
    timer_unref(timer);
    return delivered;
}

static void timer_forget_tick(struct lc__tick_origin *origin)
{
    timer_unset_tick(timer_of_origin(origin));
}

static const struct lc__tick_operations tick_operations = {timer_deliver_tick, timer_tick_is_void,
                                                           timer_forget_tick};

/* ---- starting ---- */

/* Puts the timer on the list of the isolate that runs, which is the caller. */
static void timer_enter_owner(struct lc__message_timer *timer, struct lc__isolate *owner,
                              struct lc__extras *extras)
{
    LC__ASSERT(lc__isolate_running() == owner);
    lc__spinlock_lock(&owner->lock);
    LIST_INSERT_HEAD(&extras->timers, timer, link);
    owner->keep_alive++;
    lc__isolate_unlock(owner);
}

/* The simulation that the caller is in; NULL: the real world. */
static lc_executor *world_of_caller(void)
{
    return lc_is_simulated() ? lc_executor_current() : NULL;
}

static struct lc__message_timer *timer_make(lc_message *message, int64_t after, int64_t period,
                                            const struct lc__isolate *owner)
{
    lc__facility_register(&facility);
    struct lc__message_timer *timer = lc__pool_take(&timers, lc__loop_index());
    if (!timer)
        return NULL;
    lc__spinlock_lock(&timer->lock);
    LC__ASSERT(timer->refs == 0);
    if (timer->serial == 0)
        timer->serial = lc__pool_first_serial(&timers);
    timer->origin.operations = &tick_operations;
    timer->refs = owner ? 3 : 2; /* the clock's, the owner's, and the caller's */
    timer->armed = true;
    timer->has_tick = false;
    timer->moved = NULL;
    atomic_store_explicit(&timer->cancelled, false, memory_order_relaxed);
    timer->periods = 0;
    timer->message = message;
    timer->deadline = deadline_add(lc_now(), after); /* not LC_NOW, since a period counts from it */
    timer->period = period;
    timer->port = message->port;
    timer->owner = owner ? lc__isolate_control_port(owner) : LC_NO_PORT;
    timer->simulated = world_of_caller();
    timer->timer.due = message_timer_due;
    timer->timer.fire = timer_fire;
    lc__spinlock_unlock(&timer->lock);
    return timer;
}

static int timer_arm(struct lc__message_timer *timer)
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
    timer_leave_owner(timer);
    timer_unref(timer);
    return result;
}

int lc_timer_start(lc_send_port port, const lc_payload *payload, int64_t after, int64_t period,
                   lc_timer *started)
{
    lc__check_with(payload);
    if (!lc_send_port_is_set(port) || lc__payload_check(payload) < 0 || after < 0 || period < 0 ||
        (period > 0 && payload && payload->destroy))
        return -EINVAL;
    if (lc__forked() || lc__port_check_world(port) < 0)
        return -ENOTSUP;
    struct lc__isolate *owner = lc__isolate_running();
    struct lc__extras *extras = owner ? lc__isolate_extras(owner) : NULL;
    lc_message *message = owner && !extras ? NULL : lc__message_new_tick(port, payload);
    struct lc__message_timer *timer = message ? timer_make(message, after, period, owner) : NULL;
    if (!timer) {
        lc__message_disown(message);
        return -ENOMEM;
    }
    const lc_timer made = {timer->serial, timer->place};
    if (owner)
        timer_enter_owner(timer, owner, extras);
    int result = timer_arm(timer);
    timer_unref(timer);
    if (result == 0 && started)
        *started = made;
    return result;
}

/* ---- cancelling ---- */

/*
 * The timer sends nothing more; the caller has a reference. @return whether it would have sent.
 */
static bool timer_disarm(struct lc__message_timer *timer)
{
    lc__spinlock_lock(&timer->lock);
    bool armed = timer->armed;
    timer->armed = false;
    lc__spinlock_unlock(&timer->lock);
    /*
     * If the timer fires now, timer_take_message() or timer_arm_again() sees that it is not
     * armed.
     */
    if (armed && lc__timer_disarm(&timer->timer)) {
        timer_leave_owner(timer);
        timer_unref(timer);
    }
    return armed;
}

/*
 * From now on no tick is delivered. A tick that is under way stays in its queue until its receiver
 * frees it. Its moved data does not: @return that, for the caller to destroy.
 */
static lc_payload timer_void_tick(struct lc__message_timer *timer)
{
    LC__ASSERT(lc__spinlock_is_held(&timer->lock));
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
    const lc_executor *world = world_of_caller();
    lc__spinlock_lock(&timer->lock);
    bool there = timer->serial == cancelled.serial && timer->refs > 0;
    bool prevented = there && timer->simulated == world && (timer->armed || timer->has_tick) &&
                     !atomic_load_explicit(&timer->cancelled, memory_order_relaxed);
    lc_payload payload = prevented ? timer_void_tick(timer) : (lc_payload){NULL, 0, NULL};
    timer->refs += prevented;
    const lc_send_port port = prevented && timer->has_tick ? timer->port : LC_NO_PORT;
    lc__spinlock_unlock(&timer->lock);
    if (!prevented)
        return false;
    lc__payload_destroy(&payload);
    timer_disarm(timer);
    if (lc__port_is_of_thread(port))
        lc__thread_port_purge(port);
    timer_unref(timer);
    return true;
}

void lc__message_timers_end(struct lc__message_timers *list)
{
    for (struct lc__message_timer *timer; (timer = LIST_FIRST(list));) {
        LIST_REMOVE(timer, link);
        timer_disarm(timer);
        timer_unref(timer); /* the list's */
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
        timer_disarm(timer);
        timer_unref(timer);
    }
}
