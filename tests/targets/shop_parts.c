/* The work of the shop's components that shop.c does not show, as simple as the tests need it. */
#include "shop.h"

#include <errno.h>

lc_error *keep_journal(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_context_sleep(context, LC_FOREVER);
    return NULL;
}

/* Fails as often as it is to, and then waits for orders. */
lc_error *commit(lc_context *context, lc_ready *ready, void *arg)
{
    struct shop *shop = arg;
    if (shop->failures > 0) {
        shop->failures--;
        return lc_error_new(-EIO, "the store is locked");
    }
    lc_ready_signal(ready);
    lc_context_sleep(context, LC_FOREVER);
    return NULL;
}

lc_error *compact(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    while (lc_context_sleep(context, LC_MINUTE) == 0)
        lc_log(LC_LOG_DEBUG, "compact", "compacted");
    return NULL;
}

lc_error *report(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    while (lc_context_sleep(context, LC_MINUTE) == 0)
        lc_log(LC_LOG_INFO, "report", "the shop is open");
    return NULL;
}

lc_error *configure(lc_context *context, void *arg)
{
    (void)context, (void)arg;
    lc_log(LC_LOG_INFO, "configure", "nothing to configure");
    return NULL;
}
