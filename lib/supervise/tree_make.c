/*
 * tree_make.c: makes, starts and cancels trees; the tree as a component. See
 * <lifecycle/tree.h>.
 */
#include "base/fork.h"
#include "base/memory.h"
#include "base/options.h"
#include "supervise/policy.h"
#include "supervise/tree_view.h"

#include <errno.h>
#include <execinfo.h>

/* ---- starting and ending ---- */

struct tree_start {
    lc_context *above;
    bool is_component;
    lc_error *error;
};

static void tree_start(struct lc__shell *shell, void *arg)
{
    struct tree_start *start = arg;
    lc_tree *tree = lc__tree_of(shell);
    start->error = shell->started
                       ? lc__shell_error_started(shell)
                       : lc__shell_start(shell, start->above, lc_context_new(start->above),
                                         start->is_component);
    if (start->error)
        return;
    lc__shell_look_above(shell);
    if (tree->cancelled_before)
        lc__engine_cancel(&shell->engine, NULL, lc_now());
    if (!shell->engine.ending)
        lc__engine_add(&shell->engine, &tree->root->engine, NULL, lc_now());
}

static lc_error *tree_start_under(lc_tree *tree, lc_context *context, bool is_component)
{
    struct tree_start start = {context, is_component, NULL};
    void *frame;
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "\"%s\" cannot run in a child forked when there were workers",
                            tree->shell.name);
    /* The first call loads a library, for which a fiber's stack may be too small. */
    backtrace(&frame, 1);
    lc__shell_call(&tree->shell, tree_start, &start);
    return start.error;
}

lc_error *lc_tree_start(lc_tree *tree, lc_context *context)
{
    return tree ? tree_start_under(tree, context, false)
                : lc_error_new(-EINVAL, "lc_tree_start needs a tree");
}

static void tree_cancel(struct lc__shell *shell, void *arg)
{
    (void)arg;
    if (shell->started)
        lc__engine_cancel(&shell->engine, NULL, lc_now());
    else
        lc__tree_of(shell)->cancelled_before = true;
}

void lc_tree_cancel(lc_tree *tree)
{
    if (tree)
        lc__shell_call(&tree->shell, tree_cancel, NULL);
}

/* ---- as a component ---- */

static lc_error *tree_component_start(lc_component *component, lc_context *context)
{
    return tree_start_under((lc_tree *)component, context, true);
}

static const lc_component_ops tree_component_ops = {
    .size = sizeof(lc_component_ops),
    .start = tree_component_start,
    .ready = lc__shell_component_ready,
    .done = lc__shell_component_done,
    .destroy = lc__shell_component_destroy,
    .flags = LC_START_INLINE,
    .parts = lc__tree_parts,
    .name = lc__shell_component_name,
};

lc_component *lc_tree_component(lc_tree *tree)
{
    return tree ? &tree->shell.component : NULL;
}

lc_handle *lc_tree_ready(lc_tree *tree)
{
    return tree ? &tree->shell.ready : NULL;
}

lc_handle *lc_tree_done(lc_tree *tree)
{
    return tree ? &tree->shell.done : NULL;
}

/* ---- making ---- */

LC__OPTIONS_END(lc_tree_options, intensity);

static lc_error *tree_read_options(lc_tree_options *options, const lc_tree_options *given,
                                   struct lc__child *root)
{
    lc_error *error = lc__options_read(options, sizeof *options, given, "lc_tree_options");
    if (!error)
        error = lc__policy_name(&options->name, "tree", "lc_tree_options.name");
    if (error)
        return error;
    if (options->settle_grace == 0)
        options->settle_grace = 50 * LC_MILLISECOND;
    if (options->settle_grace == LC_NONE)
        options->settle_grace = 0;
    if (options->settle_grace < 0)
        return lc_error_new(-EINVAL,
                            "settle_grace of \"%s\" is %lld ns, and must be above 0 or LC_NONE",
                            options->name, (long long)options->settle_grace);
    if (!options->root)
        return lc_error_new(-EINVAL, "root of \"%s\" is missing", options->name);
    error = lc__child_read(root, options->root, "root");
    if (!error && root->options.significant)
        error = lc_error_new(-EINVAL, "significant of \"%s\" is true, and the root has no parent",
                             root->options.name);
    return error ? error : lc__policy_intensity(&options->intensity, root->options.name);
}

static struct lc__runnable *tree_new_root(lc_tree *tree, const lc_tree_options *options,
                                          const struct lc__child *child)
{
    const lc_child_group alone = {.size = sizeof alone, .intensity = options->intensity};
    struct lc__child_group *group = lc__child_group_new(&alone);
    struct lc__runnable *root = group ? lc__runnable_new(&tree->shell, NULL, child, group) : NULL;
    lc__child_group_unref(group); /* the root has its own */
    return root;
}

lc_error *lc_tree_new(const lc_tree_options *given, lc_tree **result)
{
    lc_tree_options options;
    struct lc__child root;
    if (!result)
        return lc_error_new(-EINVAL, "lc_tree_new has nowhere to put the tree");
    *result = NULL;
    lc_error *error = tree_read_options(&options, given, &root);
    if (error)
        return error;
    lc_tree *tree = lc__allocate(sizeof *tree);
    if (tree)
        tree->root = tree_new_root(tree, &options, &root);
    if (!tree || !tree->root) {
        lc__free(tree);
        return lc_error_new(-ENOMEM, "no memory for tree \"%s\"", options.name);
    }
    tree->settle_grace = options.settle_grace;
    lc__shell_init(&tree->shell, &lc__tree_front, options.name);
    tree->shell.component.ops = &tree_component_ops;
    /* Until the engine adds the root, its list of children is empty. */
    TAILQ_INIT(&tree->root->engine.children);
    *result = tree;
    return NULL;
}

lc_tree *lc_tree_ref(lc_tree *tree)
{
    if (tree)
        lc__shell_ref(&tree->shell);
    return tree;
}

void lc_tree_unref(lc_tree *tree)
{
    if (tree)
        lc__shell_unref(&tree->shell);
}
