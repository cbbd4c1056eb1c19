/*
 * engine_end.c: see engine_end.h.
 */
#include "supervise/engine_end.h"

#include "supervise/engine_cancel.h"
#include "supervise/engine_core.h"
#include "supervise/engine_edges.h"
#include "supervise/engine_text.h"

#include <errno.h>

static void list_overdue(struct lc__engine *engine, char *overdue, size_t size)
{
    struct lc__engine_node *node;
    TAILQ_FOREACH (node, &engine->root.children, among_children) {
        if (!node->overdue)
            continue;
        const char *awaited = engine->awaited ? engine->awaited(engine, node) : NULL;
        lc__engine_list_name(overdue, size, awaited ? awaited : node->name);
    }
}

/* Names the overdue around `error`, taken over; NULL stays NULL if there are none. */
static lc_error *name_overdue(struct lc__engine *engine, lc_error *error)
{
    char overdue[512] = "";
    list_overdue(engine, overdue, sizeof overdue);
    if (overdue[0] == '\0')
        return error;
    return lc_error_wrap(error, error ? lc_error_code(error) : -ETIMEDOUT,
                         "not stopped in time: %s", overdue);
}

/*
 * Makes what the run returns: the reason of its end, together with what else went wrong. And what
 * went wrong alone, for a run above, to which the reason may be its own order to stop.
 */
void lc__engine_conclude(struct lc__engine *engine)
{
    lc_error *result = lc_error_ref(engine->ending ? engine->why : engine->first_error);
    lc_error *trouble = NULL;
    bool said = engine->late_count == 1 && engine->first_late == engine->why;
    if (engine->late_count > 0) {
        int code = lc_error_code(engine->first_late);
        trouble = lc_error_wrap(lc_error_ref(engine->first_late), code,
                                "failed while being stopped: %s", engine->failed_late);
        if (!result)
            result = lc_error_ref(trouble);
        else if (!said)
            result =
                lc_error_wrap(result, lc_error_code(result), "failed while being stopped: %s (%s)",
                              engine->failed_late, lc_error_message(engine->first_late));
    }
    engine->result = name_overdue(engine, result);
    engine->trouble = name_overdue(engine, trouble);
}

void lc__engine_end_all(struct lc__engine *engine, lc_error *why, lc_behavior behavior)
{
    if (engine->finished || (engine->ending && behavior <= engine->behavior)) {
        lc_error_unref(why); /* the first reason stays; this one was judged, or told */
        return;
    }
    lc_error_unref(engine->why);
    engine->why = why;
    engine->behavior = behavior;
    engine->halting = behavior == LC_SPIN_HALT;
    if (engine->ending)
        return;
    engine->ending = true;
    lc__engine_arm(engine, &engine->final, engine->stop_timeout);
    lc__tree_cancel_all(engine);
    lc__graph_stop_all(engine);
}
