/*
 * parts.c: see parts.h.
 */
#include "support/parts.h"

#include "support/check.h"
#include "support/mode.h"

#include <stdlib.h>

lc_component *component_of(const char *name, lc_worker_function run, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder(name);
    lc_manager_builder_add(builder, LC_WORKER(.name = name, .run = run, .arg = arg));
    if (check_code(lc_manager_builder_build(builder, &manager)) != 0)
        abort();
    lc_manager_builder_free(builder);
    return lc_manager_component(manager);
}

lc_node node_of(const char *name, lc_component_factory factory, void *arg)
{
    lc_node node = {.size = sizeof node};
    node.name = name;
    node.factory = factory;
    node.arg = arg;
    node.kind = check_kind();
    return node;
}

lc_tree *tree_of(lc_child root)
{
    lc_tree *tree = NULL;
    lc_tree_options options = {.size = sizeof options};
    root.size = sizeof root;
    root.name = "root";
    root.kind = check_kind();
    options.root = &root;
    if (check_code(lc_tree_new(&options, &tree)) != 0)
        abort();
    return tree;
}

lc_behavior answer_restart(const lc_failure *failure, void *arg)
{
    (void)failure, (void)arg;
    return LC_RESTART;
}

lc_behavior answer_stop(const lc_failure *failure, void *arg)
{
    (void)failure, (void)arg;
    return LC_STOP;
}

lc_behavior answer_shutdown(const lc_failure *failure, void *arg)
{
    (void)failure, (void)arg;
    return LC_SHUTDOWN;
}

lc_behavior answer_halt(const lc_failure *failure, void *arg)
{
    (void)failure, (void)arg;
    return LC_SPIN_HALT;
}
