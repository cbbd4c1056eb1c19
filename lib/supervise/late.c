/*
 * late.c: see late.h.
 *
 * Three steps: in the service the late nodes are gathered and their components held; outside it the
 * components are asked; in the service again each node gets its text. Then the timer posts, and the
 * deadline is dealt with. A node that comes to be late in between is named without its parts.
 */
#include "supervise/late.h"

#include "base/clock.h"
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

static struct lc__node *of_engine(struct lc__engine_node *node)
{
    return (struct lc__node *)node;
}

/* ---- gathering ---- */

/* The next of the late nodes; NULL: there is none any more. */
static struct lc__engine_node *next_late(struct lc__engine *engine, struct lc__engine_node *after,
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

/* NULL: no memory, and nothing is known. */
static char *text_of(const lc_part *part, enum lc__awaited what)
{
    char text[TEXT_SIZE];
    lc__awaited_of_part(part, what, text, sizeof text);
    return lc__duplicate(text);
}

static void keep(struct lc__node *node, char *text)
{
    lc__free(node->awaited);
    node->awaited = text;
}

/* Without a component there is nothing to ask, and the node itself need not stay. */
static void gather_one(struct look *look, struct lc__engine_node *engine)
{
    struct lc__node *node = of_engine(engine);
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
        keep(node, text_of(&late->part, late->what));
}

static void gather(struct lc__shell *shell, void *arg)
{
    struct look *look = arg;
    struct lc__engine *engine = &shell->engine;
    struct lc__engine_node *node = NULL;
    int64_t now = lc_now();
    size_t count = 0;
    while ((node = next_late(engine, node, now)))
        count++;
    look->late = count > 0 ? lc__allocate_array(count, sizeof *look->late) : NULL;
    while (look->late && (node = next_late(engine, node, now)))
        gather_one(look, node);
}

/* ---- asking, and telling ---- */

/* On the shell's clock, as the times are on it. */
static void ask_all(const struct lc__shell *shell, struct look *look)
{
    struct lc__task *task = lc__task_current();
    struct lc__clock *clock = task->clock;
    task->clock = shell->clock ? shell->clock : clock;
    for (size_t i = 0; i < look->count; i++)
        look->late[i].text = text_of(&look->late[i].part, look->late[i].what);
    task->clock = clock;
}

static void tell_all(struct lc__shell *shell, void *arg)
{
    struct look *look = arg;
    (void)shell;
    for (size_t i = 0; i < look->count; i++) {
        keep(look->late[i].node, look->late[i].text);
        look->late[i].text = NULL;
    }
}

void lc__late_look(struct lc__shell *shell)
{
    struct look look = {NULL, 0};
    lc__shell_ask(shell, gather, &look);
    if (look.count > 0) {
        ask_all(shell, &look);
        lc__shell_ask(shell, tell_all, &look);
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
    return of_engine(node)->awaited;
}
