/*
 * helper.c: see helper.h.
 */
#include "support/helper.h"

#include "executor/fiber_switch.h"

#include <stdlib.h>

enum { STACK = 512 * 1024 };

static void *run_in_thread(void *arg)
{
    const struct helper *helper = arg;
    helper->run(helper->arg);
    return NULL;
}

static void start_thread(struct helper *helper)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    if (pthread_create(&helper->thread, &attributes, run_in_thread, helper) != 0)
        abort();
    pthread_attr_destroy(&attributes);
}

/* Deferred first, so called last, also after a throw. With the close the helper may be gone. */
static void tell_ended(void *arg)
{
    lc_handle *ended = arg;
    lc__fiber_finishing();
    lc_handle_close(ended);
    lc_handle_unref(ended);
}

static void run_in_fiber(void *arg)
{
    const struct helper *helper = arg;
    if (lc_defer(tell_ended, lc_handle_ref(helper->ended)) != 0)
        abort();
    helper->run(helper->arg);
}

static void start_fiber(struct helper *helper)
{
    lc_fiber_options options = {.size = sizeof options};
    options.name = "helper";
    options.run = run_in_fiber;
    options.arg = helper;
    options.spread = true; /* also to another thread than the test's */
    helper->ended = lc_handle_new();
    if (!helper->ended || lc_fiber_start(&options) != 0)
        abort();
}

void helper_start(struct helper *helper, void (*run)(void *arg), void *arg)
{
    *helper = (struct helper){.run = run, .arg = arg};
    if (lc_is_fiber())
        start_fiber(helper);
    else
        start_thread(helper);
}

void helper_join(struct helper *helper)
{
    if (!helper->ended) {
        pthread_join(helper->thread, NULL);
        return;
    }
    lc_handle_wait(helper->ended, LC_FOREVER);
    lc_handle_unref(helper->ended);
}

void helper_do(void (*run)(void *arg), void *arg)
{
    struct helper helper;
    helper_start(&helper, run, arg);
    helper_join(&helper);
}
