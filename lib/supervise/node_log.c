/*
 * node_log.c: see node_log.h.
 */
#include "supervise/node_log.h"

#include "supervise/engine_text.h"
#include "supervise/policy.h"

#include <lifecycle/log.h>

#include <inttypes.h>

static void node_tell_unable(const struct lc__node *node, const char *path)
{
    const struct lc__engine_node *because = node->engine.graph.because;
    bool done = because->state == LC_NODE_DONE;
    lc_log(LC_LOG_ERROR, path, "will not start, since \"%s\", on which it depends, %s%s%s",
           because->name, done ? "has ended without having been ready" : "has stopped for good",
           because->error && !done ? ": " : "",
           because->error && !done ? lc_error_message(because->error) : "");
}

static void node_tell_restart(struct lc__node *node, const char *path)
{
    char life[LC__LIFE_TEXT_SIZE], next[LC__RESTART_TEXT_SIZE];
    lc__log_repeated(&node->restart_lines, LC_LOG_ERROR, path, NULL, "failed after %s: %s; %s",
                     lc__engine_life_text(&node->engine, life),
                     lc_error_message(node->engine.error),
                     lc__engine_restart_text(&node->engine, next));
}

static void node_tell_ended(struct lc__node *node, const char *path)
{
    char next[LC__RESTART_TEXT_SIZE];
    if (lc__engine_is_settled(&node->engine))
        lc_log(LC_LOG_INFO, path, "has ended without an error");
    else
        lc__log_repeated(&node->restart_lines, LC_LOG_INFO, path, NULL,
                         "has ended without an error; %s, since it is permanent",
                         lc__engine_restart_text(&node->engine, next));
}

static void node_tell_ready(struct lc__node *node, const char *path)
{
    lc__log_repeated(&node->ready_lines, LC_LOG_NOTICE, path, NULL,
                     "ready again after restart %" PRIu64, node->engine.instance - 1);
}

static void node_tell_stopped(const struct lc__node *node, const char *path)
{
    char life[LC__LIFE_TEXT_SIZE];
    lc_log(LC_LOG_ERROR, path, "failed after %s: %s; %s", lc__engine_life_text(&node->engine, life),
           lc_error_message(node->engine.error), lc_behavior_name(node->engine.graph.decided));
}

static void node_tell_overdue(const struct lc__node *node, const char *path)
{
    const char *awaited = node->awaited;
    lc_log(LC_LOG_ERROR, path, "has not stopped in time, and is not waited for any longer%s%s",
           awaited ? "; what still runs: " : "", awaited ? awaited : "");
}

void lc__node_end_lines(struct lc__node *node)
{
    char buffer[LC__PATH_SIZE];
    const char *path = lc__shell_path(node->shell, node->name, buffer);
    lc__log_repeated_end(&node->restart_lines, LC_LOG_ERROR, path);
    lc__log_repeated_end(&node->ready_lines, LC_LOG_NOTICE, path);
    lc__log_repeated_end(&node->late_lines, LC_LOG_ERROR, path);
}

/* Whether the line is one of too many and left out: then its text is not made. */
static bool node_leaves_out(struct lc__node *node, enum lc__engine_action_kind kind)
{
    int64_t now = node->shell->engine.now;
    if (kind == LC__TELL_LATE)
        return lc__log_repeated_is_left_out(&node->late_lines, LC_LOG_ERROR, now);
    if (kind == LC__TELL_RESTART)
        return lc__log_repeated_is_left_out(&node->restart_lines, LC_LOG_ERROR, now);
    if (kind == LC__TELL_READY)
        return lc__log_repeated_is_left_out(&node->ready_lines, LC_LOG_NOTICE, now);
    if (kind == LC__TELL_ENDED && !lc__engine_is_settled(&node->engine))
        return lc__log_repeated_is_left_out(&node->restart_lines, LC_LOG_INFO, now);
    return false;
}

void lc__node_tell(struct lc__node *node, const struct lc__engine_action *action)
{
    LC__ASSERT(lc__shell_serves(node->shell));
    if (node_leaves_out(node, action->kind))
        return;
    char buffer[LC__PATH_SIZE], limit[LC__INTENSITY_TEXT_SIZE];
    const char *path = lc__shell_path(node->shell, node->name, buffer);
    const char *message = lc_error_message(action->error);
    switch (action->kind) {
    case LC__TELL_LATE:
        lc__log_repeated(&node->late_lines, LC_LOG_ERROR, path, NULL,
                         "failed while it was being stopped: %s", message);
        break;
    case LC__TELL_REFUSED:
        lc_log(LC_LOG_ERROR, path, "could not be made: %s; %s", message,
               lc_behavior_name(node->engine.graph.decided));
        break;
    case LC__TELL_OVERDUE:
        node_tell_overdue(node, path);
        break;
    case LC__TELL_UNABLE:
        node_tell_unable(node, path);
        break;
    case LC__TELL_EXCEEDED:
        lc_log(LC_LOG_ERROR, path, "too many restarts (%s): %s%s%s",
               lc__intensity_text(&node->intensity.limit, limit),
               lc_behavior_name(node->intensity.limit.exceeded), action->error ? ": " : "",
               action->error ? message : "");
        break;
    case LC__TELL_RESTART:
        node_tell_restart(node, path);
        break;
    case LC__TELL_STOPPED:
        node_tell_stopped(node, path);
        break;
    case LC__TELL_READY:
        node_tell_ready(node, path);
        break;
    case LC__TELL_STATE:
        lc_log(LC_LOG_INFO, path, "%s", lc_node_state_name(node->engine.state));
        break;
    case LC__TELL_ENDED:
        node_tell_ended(node, path);
        break;
    default: /* LC__TELL_DIED, of trees */
        break;
    }
}
