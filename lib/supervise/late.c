/*
 * late.c: see late.h.
 *
 * Three steps: in the service, the late nodes are gathered and their components held; outside it,
 * the components are asked; in the service again, each node gets its text. Then the timer has the
 * service deal with the deadline. A node that becomes late in between is named without its parts.
 */
#include "supervise/late.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/memory.h"
#include "base/task.h"
#include "component/awaited.h"
#include "supervise/node_instance.h"

enum { TEXT_SIZE = 400 };

struct late {
    struct lc__node *node; /* stays while its component is held */
    struct lc__node_instance *held;
    lc_part part;
    enum lc__awaited what;
    char *text;
};

struct look {
    struct late *late;
    size_t count;
};

static struct lc__node *late_node_of(struct lc__engine_node *node)
{
    return LC__CONTAINER_OF(node, struct lc__node, engine);
}

/* ---- gathering ---- */

/*
 * The late node behind `after`; NULL: no more. If the engine gives up, all that still run are late.
 */
static struct lc__engine_node *late_next(struct lc__engine *engine, struct lc__engine_node *after,
                                         int64_t now)
{
    if (!lc__engine_gives_up(engine, now))
        return lc__engine_overdue(engine, after, now);
    struct lc__engine_node *node =
        after ? TAILQ_NEXT(after, among_children) : TAILQ_FIRST(&engine->root.children);
    while (node && !lc__engine_runs(node) && node->state != LC_NODE_JUDGED)
        node = TAILQ_NEXT(node, among_children);
    return node;
}

/* @return NULL: no memory. */
static char *late_text_of(const lc_part *part, enum lc__awaited what)
{
    char text[TEXT_SIZE];
    lc__awaited_of_part(part, what, text, sizeof text);
    return lc__duplicate(text);
}

static void late_keep_text(struct lc__node *node, char *text)
{
    lc__free(node->awaited);
    node->awaited = text;
}

/* Without a component there is nothing to ask, so the node need not be kept. */
static void late_gather_one(struct look *look, struct lc__engine_node *engine)
{
    struct lc__node *node = late_node_of(engine);
    struct late *late = &look->late[look->count];
    late->node = node;
    late->held = lc__node_hold(node);
    late->what = engine->state == LC_NODE_STARTING ? LC__AWAITED_READY : LC__AWAITED_DONE;
    late->part = (lc_part){
        .name = node->name,
        .state = engine->state,
        .since = engine->since,
        .waits_for = engine->state == LC_NODE_JUDGED ? "its judge" : NULL,
        .component = late->held ? lc__node_instance_component(late->held) : NULL,
    };
    if (late->held)
        look->count++;
    else
        late_keep_text(node, late_text_of(&late->part, late->what));
}

static void late_gather(struct lc__shell *shell, void *arg)
{
    struct look *look = arg;
    struct lc__engine *engine = &shell->engine;
    LC__ASSERT(lc__shell_serves(shell));
    struct lc__engine_node *node = NULL;
    int64_t now = lc_now();
    size_t count = 0;
    while ((node = late_next(engine, node, now)))
        count++;
    look->late = count > 0 ? lc__allocate_array(count, sizeof *look->late) : NULL;
    while (look->late && (node = late_next(engine, node, now)))
        late_gather_one(look, node);
}

/* ---- asking, and telling ---- */

/* Asks on the shell's clock, because the times are on it. */
static void late_ask_all(const struct lc__shell *shell, struct look *look)
{
    struct lc__task *task = lc__task_current();
    struct lc__clock *clock = task->clock;
    task->clock = shell->clock ? shell->clock : clock;
    for (size_t i = 0; i < look->count; i++)
        look->late[i].text = late_text_of(&look->late[i].part, look->late[i].what);
    task->clock = clock;
}

static void late_tell_all(struct lc__shell *shell, void *arg)
{
    struct look *look = arg;
    LC__ASSERT(lc__shell_serves(shell));
    (void)shell;
    for (size_t i = 0; i < look->count; i++) {
        late_keep_text(look->late[i].node, look->late[i].text);
        look->late[i].text = NULL;
    }
}

void lc__late_look(struct lc__shell *shell)
{
    struct look look = {NULL, 0};
    LC__ASSERT(!lc__shell_serves(shell));
    lc__shell_ask(shell, late_gather, &look);
    if (look.count > 0) {
        late_ask_all(shell, &look);
        lc__shell_ask(shell, late_tell_all, &look);
    }
    for (size_t i = 0; i < look.count; i++) {
        lc__free(look.late[i].text);
        lc__node_instance_release(look.late[i].held);
    }
    lc__free(look.late);
}

const char *lc__late_awaited(struct lc__engine *engine, struct lc__engine_node *node)
{
    (void)engine;
    LC__ASSERT(lc__shell_serves(late_node_of(node)->shell));
    return late_node_of(node)->awaited;
}
