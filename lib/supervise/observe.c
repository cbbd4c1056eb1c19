/*
 * observe.c: adds observers to a shell, and takes them off it. See observe.h and
 * <lifecycle/observe.h>.
 *
 * The shell tells its observers and so lies above observer.c; what adds an observer asks the
 * shell and so lies above both.
 */
#include "supervise/observe.h"

static void add_observer(struct lc__shell *shell, void *arg)
{
    lc_observer *observer = arg;
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
    lc__shell_call(shell, add_observer, observer);
    return observer;
}

static void remove_observer(struct lc__shell *shell, void *arg)
{
    lc_observer *observer = arg;
    (void)shell;
    LIST_REMOVE(observer, link);
}

void lc_observer_free(lc_observer *observer)
{
    if (!observer)
        return;
    struct lc__shell *shell = observer->shell;
    lc__shell_call(shell, remove_observer, observer);
    lc__shell_unref(shell);
    lc__observer_destroy(observer);
}
