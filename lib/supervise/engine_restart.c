/*
 * engine_restart.c: see engine_restart.h.
 */
#include "supervise/engine_restart.h"

#include "supervise/engine_core.h"

#include <errno.h>

/* The pause after a start that found no task, even of a node that wants no pauses. */
#define PAUSE_OF_LACK (100 * LC_MILLISECOND)

/* The fraction is at least 0 and below 1. */
static double fraction_draw(struct lc__random *random)
{
    return (double)(lc__random_next(random) >> 11) * 0x1p-53;
}

/* Whether the last instance was ready for so long that its end is taken for an accident. */
static bool node_lived_steadily(const struct lc__engine *engine, const struct lc__engine_node *node)
{
    int64_t ready_for = lc__engine_ready_for(engine, node);
    return node->was_ready && ready_for >= node->policy.backoff.steady &&
           (double)ready_for >= node->next_pause;
}

int64_t lc__engine_draw_pause(struct lc__engine *engine, struct lc__engine_node *node)
{
    const struct lc__backoff *backoff = &node->policy.backoff;
    LC__ASSERT(!lc__engine_runs(node));
    bool steady = node_lived_steadily(engine, node);
    if (backoff->first == 0)
        return node->lacked_task ? PAUSE_OF_LACK : 0;
    if (steady || node->next_pause == 0)
        node->next_pause = (double)backoff->first;
    if (steady && backoff->first_at_once)
        return 0;
    double pause = node->next_pause;
    double next = pause * backoff->factor;
    node->next_pause = next < (double)backoff->most ? next : (double)backoff->most;
    if (backoff->jitter > 0)
        pause *= 1 + backoff->jitter * (2 * fraction_draw(&engine->random) - 1);
    return pause < (double)LC_FOREVER ? (int64_t)pause : LC_FOREVER;
}

bool lc__engine_count_restart(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_intensity *intensity = node->intensity;
    if (!intensity || intensity->limit.restarts == 0)
        return true;
    if (intensity->limit.restarts == LC_RESTARTS_NONE)
        return false;
    bool full = intensity->count == intensity->limit.restarts;
    int64_t *oldest = &intensity->times[intensity->next];
    if (full && engine->now - *oldest < intensity->limit.period)
        return false;
    *oldest = engine->now;
    intensity->next = (intensity->next + 1) % intensity->limit.restarts;
    intensity->count += !full;
    return true;
}

lc_error *lc__engine_exceeded(struct lc__engine *engine, struct lc__engine_node *node)
{
    const lc_intensity *limit = &node->intensity->limit;
    LC__ASSERT(node->intensity->limit.restarts != 0);
    int code = node->error ? lc_error_code(node->error) : -EAGAIN;
    lc__engine_do(engine, node, LC__TELL_EXCEEDED);
    if (limit->restarts == LC_RESTARTS_NONE)
        return lc_error_wrap(lc_error_ref(node->error), code,
                             "\"%s\" would be restarted, and no restart is allowed", node->name);
    return lc_error_wrap(lc_error_ref(node->error), code,
                         "\"%s\" would be restarted more than %u times in %.1f s", node->name,
                         limit->restarts, (double)limit->period / (double)LC_SECOND);
}

void lc__engine_back_off(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(!lc__engine_runs(node) && node->pause > 0);
    lc__engine_enter(engine, node, LC_NODE_BACKOFF);
    lc__engine_arm(engine, &node->timer, node->pause);
}
