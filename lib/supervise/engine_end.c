/*
 * engine_end.c: see engine_end.h.
 */
#include "supervise/engine_end.h"

#include "supervise/engine_cancel.h"
#include "supervise/engine_core.h"
#include "supervise/engine_edges.h"
#include "supervise/engine_text.h"

#include <errno.h>

static void overdue_list(struct lc__engine *engine, char *overdue, size_t size)
{
    struct lc__engine_node *node;
    TAILQ_FOREACH (node, &engine->root.children, among_children) {
        if (!node->overdue)
            continue;
        const char *awaited = engine->awaited ? engine->awaited(engine, node) : NULL;
        lc__engine_list_name(overdue, size, awaited ? awaited : node->name);
    }
}

/*
 * Wraps `error`, which is taken over and may be NULL, in one that names the overdue nodes, if any.
 */
static lc_error *error_name_overdue(struct lc__engine *engine, lc_error *error)
{
    char overdue[512] = "";
    overdue_list(engine, overdue, sizeof overdue);
    if (overdue[0] == '\0')
        return error;
    return lc_error_wrap(error, error ? lc_error_code(error) : -ETIMEDOUT,
                         "not stopped in time: %s", overdue);
}

/*
 * The result is the reason of the end, with what went wrong while everything was being stopped. The
 * trouble is the latter alone: to a run above this one, the reason may be its own order to stop.
 */
void lc__engine_conclude(struct lc__engine *engine)
{
    LC__ASSERT(engine->finished && !engine->result);
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
    engine->result = error_name_overdue(engine, result);
    engine->trouble = error_name_overdue(engine, trouble);
}

void lc__engine_end_all(struct lc__engine *engine, lc_error *why, lc_behavior behavior)
{
    if (engine->finished || (engine->ending && behavior <= engine->behavior)) {
        lc_error_unref(why); /* the first reason stays; this one has been judged or logged */
        return;
    }
    lc_error_unref(engine->why);
    engine->why = why;
    engine->behavior = behavior;
    if (engine->ending)
        return;
    engine->ending = true;
    lc__engine_arm(engine, &engine->final, engine->stop_timeout);
    lc__tree_cancel_all(engine);
    lc__graph_stop_all(engine);
}
