/*
 * watch.h: a value that changes, for any number of readers: a configuration, the address of a
 * leader, a list of peers.
 *
 *     lc_error *follow(lc_context *context, lc_watch *watch)
 *     {
 *         if (lc_context_wait(context, lc_watch_published(watch), LC_FOREVER) < 0)
 *             return NULL;
 *         while (!lc_context_error(context)) {
 *             lc_watch_value *value = lc_watch_read(watch);
 *             use(lc_watch_value_data(value));
 *             lc_context_wait(context, lc_watch_value_replaced(value), LC_FOREVER);
 *             lc_watch_value_unref(value);
 *         }
 *         return NULL;
 *     }
 *
 * Each value has a version. A reader may keep a value while newer ones are published. It may miss
 * values, but never the last one: the handle of a value closes only once a newer value can be read.
 *
 * All calls are thread-safe.
 */
#ifndef LIFECYCLE_WATCH_H
#define LIFECYCLE_WATCH_H

#include <lifecycle/api.h>
#include <lifecycle/handle.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_watch lc_watch;
typedef struct lc_watch_value lc_watch_value;

/** Makes a watch that has no value yet. @return a reference, or NULL if memory has run out. */
LC_API LC_MUST_CHECK lc_watch *lc_watch_new(void);
/** One more reference. NULL gives NULL. */
LC_API lc_watch *lc_watch_ref(lc_watch *watch);
/**
 * Gives a reference back. The last one gives the current value back, and the handle of that value
 * then never closes: a reader waits for it under a context, or has a reference to the watch. NULL
 * is allowed.
 */
LC_API void lc_watch_unref(lc_watch *watch);

/**
 * Makes `value` the current one, then closes the handle of the value before it. Calls of several
 * threads have one order, that of the versions.
 * @param value    taken over if the call succeeds; NULL is a value like any other.
 * @param release called with `value` once, when a newer one was published or the watch is gone, and
 *                 no reader has a reference. It is called on the stack of the call that gives the
 *                 last reference back, without a lock. NULL: there is nothing to free.
 * @return 0; -EINVAL without a watch; -ENOMEM; -ENOTSUP in a forked child. After an error the value
 * is still the caller's, and the current value stays.
 */
LC_API int lc_watch_publish(lc_watch *watch, void *value, void (*release)(void *value));

/**
 * Reads the current value. A call after a publish has returned, or after the caller has seen the
 * handle of a value closed, finds the newer value or a later one, and all that was written to it
 * before it was published. It allocates nothing, and holds a lock for a few instructions.
 * @return a reference; NULL: none was published yet (or no watch).
 */
LC_API LC_MUST_CHECK lc_watch_value *lc_watch_read(lc_watch *watch);

/** The handle that closes when the first value is published. Lives as long as the watch. */
LC_API lc_handle *lc_watch_published(lc_watch *watch);

/** The pointer that was published. Lives as long as the value. */
LC_API void *lc_watch_value_data(const lc_watch_value *value);
/** 1 for the first value of a watch, then 2, 3, ...; 0 for NULL. */
LC_API uint64_t lc_watch_value_version(const lc_watch_value *value);
/**
 * The handle that closes when a newer value was published. Lives as long as the value; a reference
 * to the handle keeps the value.
 */
LC_API lc_handle *lc_watch_value_replaced(lc_watch_value *value);
/** One more reference. NULL gives NULL. */
LC_API lc_watch_value *lc_watch_value_ref(lc_watch_value *value);
/** Gives a reference back. NULL is allowed. */
LC_API void lc_watch_value_unref(lc_watch_value *value);

LC_END_DECLARATIONS

#endif
