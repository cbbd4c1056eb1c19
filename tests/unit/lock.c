/*
 * lock.c: lib/base/lock.h, spin.h and container.h: a lock knows the thread that holds it, and an
 * assertion stops the program when the rule of a lock is broken.
 */
#include "support/check.h"

#include "base/container.h"
#include "base/lock.h"
#include "base/spin.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

static struct lc__lock lock = LC__LOCK_INIT;
static struct lc__spinlock spinlock;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *see_if_held(void *held)
{
    *(bool *)held = lc__lock_is_held(&lock) || lc__spinlock_is_held(&spinlock);
    return NULL;
}

/* Whether another thread counts as the holder. */
static bool other_thread_holds(void)
{
    bool held = true;
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, see_if_held, &held), 0);
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    return held;
}

static void only_the_thread_that_took_it_holds_a_lock(void)
{
    CU_ASSERT_FALSE(lc__lock_is_held(&lock));
    lc__lock_take(&lock);
    CU_ASSERT_TRUE(lc__lock_is_held(&lock));
    CU_ASSERT_FALSE(other_thread_holds());
    lc__lock_give(&lock);
    CU_ASSERT_FALSE(lc__lock_is_held(&lock));
}

static void only_the_thread_that_took_it_holds_a_spinlock(void)
{
    CU_ASSERT_FALSE(lc__spinlock_is_held(&spinlock));
    lc__spinlock_lock(&spinlock);
    CU_ASSERT_TRUE(lc__spinlock_is_held(&spinlock));
    CU_ASSERT_FALSE(other_thread_holds());
    lc__spinlock_unlock(&spinlock);
    CU_ASSERT_FALSE(lc__spinlock_is_held(&spinlock));
}

static void a_wait_that_ends_has_the_lock_again(void)
{
    const struct timespec past = {0};
    lc__lock_take(&lock);
    CU_ASSERT_EQUAL(lc__lock_wait_until(&lock, &changed, &past), ETIMEDOUT);
    CU_ASSERT_TRUE(lc__lock_is_held(&lock));
    lc__lock_give(&lock);
}

/* Takes the lock, which is free only while the test waits for the condition. */
static void *change(void *waiting)
{
    lc__lock_take(&lock);
    *(bool *)waiting = false;
    pthread_cond_signal(&changed);
    lc__lock_give(&lock);
    return NULL;
}

static void another_thread_may_hold_the_lock_during_a_wait(void)
{
    bool waiting = true;
    pthread_t thread;
    lc__lock_take(&lock);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, change, &waiting), 0);
    while (waiting)
        lc__lock_wait(&lock, &changed);
    CU_ASSERT_TRUE(lc__lock_is_held(&lock));
    lc__lock_give(&lock);
    CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
}

CHECK_CHILD(takes_a_lock_twice)
{
    lc__lock_take(&lock);
    lc__lock_take(&lock);
    return 0;
}

CHECK_CHILD(takes_a_spinlock_twice)
{
    lc__spinlock_lock(&spinlock);
    lc__spinlock_lock(&spinlock);
    return 0;
}

CHECK_CHILD(gives_a_lock_that_it_does_not_hold)
{
    lc__lock_give(&lock);
    return 0;
}

CHECK_CHILD(gives_a_spinlock_that_it_does_not_hold)
{
    lc__spinlock_unlock(&spinlock);
    return 0;
}

static void a_broken_rule_stops_the_program_and_names_it(void)
{
    static const char *const children[] = {"takes_a_lock_twice", "takes_a_spinlock_twice",
                                           "gives_a_lock_that_it_does_not_hold",
                                           "gives_a_spinlock_that_it_does_not_hold"};
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        struct check_exit ended = check_child(children[i]);
        CU_ASSERT_EQUAL(ended.status, -SIGABRT);
        CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, "Assertion"));
    }
}

struct inner {
    int first, second;
};

struct outer {
    int before;
    struct inner inner;
};

static void a_member_leads_back_to_its_struct(void)
{
    struct outer outer = {.before = 7};
    struct inner *inner = &outer.inner;
    CU_ASSERT_PTR_EQUAL(LC__CONTAINER_OF(inner, struct outer, inner), &outer);
    CU_ASSERT_PTR_EQUAL(LC__CONTAINER_OF(&inner->second, struct outer, inner.second), &outer);
}

CHECK_SUITE(locks, "unit: locks",
            {"only the thread that took it holds a lock",
             only_the_thread_that_took_it_holds_a_lock},
            {"only the thread that took it holds a spinlock",
             only_the_thread_that_took_it_holds_a_spinlock},
            {"a wait that ends has the lock again", a_wait_that_ends_has_the_lock_again},
            {"another thread may hold the lock during a wait",
             another_thread_may_hold_the_lock_during_a_wait},
            {"a broken rule stops the program, and the message names it",
             a_broken_rule_stops_the_program_and_names_it},
            {"a member leads back to its struct", a_member_leads_back_to_its_struct});
