/*
 * observe.c: see observe.h and <lifecycle/observe.h>.
 *
 * The shell calls observer.c to tell its observers. The functions here call the shell, so they have
 * a file of their own.
 */
#include "supervise/observe.h"

static void observer_add(struct lc__shell *shell, void *arg)
{
    lc_observer *observer = arg;
    LC__ASSERT(lc__shell_serves(shell));
    LIST_INSERT_HEAD(&shell->observers, observer, link);
    if (shell->over)
        lc_channel_close(observer->channel);
}

lc_observer *lc__shell_observe(struct lc__shell *shell, size_t capacity)
{
    lc_observer *observer = lc__observer_new(capacity);
    if (!observer)
        return NULL;
    observer->shell = lc__shell_ref(shell);
    lc__shell_call(shell, observer_add, observer);
    return observer;
}

static void observer_remove(struct lc__shell *shell, void *arg)
{
    lc_observer *observer = arg;
    LC__ASSERT(shell == observer->shell && lc__shell_serves(shell));
    LIST_REMOVE(observer, link);
}

void lc_observer_free(lc_observer *observer)
{
    if (!observer)
        return;
    struct lc__shell *shell = observer->shell;
    lc__shell_call(shell, observer_remove, observer);
    lc__shell_unref(shell);
    lc__observer_destroy(observer);
}
