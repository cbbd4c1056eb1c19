/*
 * engine_text.c: see engine_text.h.
 */
#include "supervise/engine_text.h"

#include <bsd/string.h>
#include <inttypes.h>
#include <stdio.h>

void lc__engine_list_name(char *names, size_t size, const char *name)
{
    if (names[0] != '\0')
        strlcat(names, ", ", size);
    if (strlcat(names, name, size) >= size)
        memcpy(names + size - 4, "...", 4);
}

void lc__engine_list_given_up(struct lc__engine *engine, char *text, size_t size)
{
    const struct lc__engine_node *node;
    text[0] = '\0';
    if (engine->given_up == 0)
        return;
    TAILQ_FOREACH (node, &engine->root.children, among_children) {
        char piece[LC__GIVEN_UP_SIZE / 2];
        if (node->policy.runnable || node->state != LC_NODE_STOPPED)
            continue;
        snprintf(piece, sizeof piece, node->error ? "%s (%s)" : "%s", node->name,
                 lc_error_message(node->error));
        lc__engine_list_name(text, size, piece);
    }
}

/* Most restarts come at once: they do not pay for formatting a fraction. */
const char *lc__engine_restart_text(const struct lc__engine_node *node,
                                    char text[LC__RESTART_TEXT_SIZE])
{
    if (node->pause == 0)
        snprintf(text, LC__RESTART_TEXT_SIZE, "restart %" PRIu64 " at once", node->error_of);
    else
        snprintf(text, LC__RESTART_TEXT_SIZE, "restart %" PRIu64 " in %.1f s", node->error_of,
                 (double)node->pause / (double)LC_SECOND);
    return text;
}

const char *lc__engine_life_text(const struct lc__engine_node *node, char text[LC__LIFE_TEXT_SIZE])
{
    bool was_ready = node->was_ready_for >= 0;
    snprintf(text, LC__LIFE_TEXT_SIZE, was_ready ? "%.1f s ready" : "%.1f s, not ready",
             (double)(was_ready ? node->was_ready_for : node->ran) / (double)LC_SECOND);
    return text;
}
