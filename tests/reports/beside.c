/*
 * beside.c: see beside.h.
 */
#include "reports/beside.h"

#include "support/check.h"

#include <stdint.h>

static void beside_run(void *arg)
{
    struct beside *beside = arg;
    beside->self = strand_self();
    lc_handle_close(beside->begun);
    beside->result = beside->act(beside->arg);
}

void beside_start(struct beside *beside, int (*act)(void *arg), void *arg)
{
    *beside = (struct beside){.act = act, .arg = arg, .begun = lc_handle_new()};
    helper_start(&beside->helper, beside_run, beside);
    CHECK_CLOSES(beside->begun);
}

void beside_sleeps(struct beside *beside, int (*act)(void *arg), void *arg)
{
    beside_start(beside, act, arg);
    CU_ASSERT_TRUE(strand_sleeps(beside->self));
}

int beside_ends(struct beside *beside)
{
    helper_join(&beside->helper);
    lc_handle_unref(beside->begun);
    return beside->result;
}

lc_channel *channel_of(size_t capacity)
{
    lc_channel *channel = NULL;
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = capacity), &channel));
    return channel;
}

void *item_of(size_t number)
{
    return (void *)(uintptr_t)number;
}

int traffic_send(void *traffic)
{
    const struct traffic *sent = traffic;
    return lc_context_send(sent->context, sent->channel, sent->item, LC_FOREVER);
}

int traffic_receive(void *traffic)
{
    struct traffic *received = traffic;
    return lc_context_receive(received->context, received->channel, &received->item, LC_FOREVER);
}

int traffic_cancel(void *traffic)
{
    lc_context_cancel(((struct traffic *)traffic)->context, NULL);
    return 0;
}
