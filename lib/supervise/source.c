/*
 * source.c: see source.h.
 */
#include "supervise/source.h"

#include "base/options.h"
#include "component/builder.h"

#include <lifecycle/isolate.h>
#include <lifecycle/tree.h>

#include <errno.h>
#include <pthread.h>

/* ---- making an instance, by one function for each form ---- */

static lc_error *source_call_factory(lc_component **component, void **data,
                                     const struct lc__source *source)
{
    (void)data;
    return source->factory(component, source->arg);
}

static lc_error *source_build_with_data(lc_manager **manager, void **data,
                                        const struct lc__source *source)
{
    lc_error *error = source->make(data, source->arg);
    if (error)
        return error;
    error = lc__builder_build_for(source->builder, *data, manager);
    if (error)
        lc__source_free_data(source, *data);
    return error;
}

static lc_error *source_build_manager(lc_component **component, void **data,
                                      const struct lc__source *source)
{
    lc_manager *manager = NULL;
    lc_error *error = source->make ? source_build_with_data(&manager, data, source)
                                   : lc_manager_builder_build(source->builder, &manager);
    *component = lc_manager_component(manager);
    return error;
}

static lc_error *source_make_tree(lc_component **component, void **data,
                                  const struct lc__source *source)
{
    (void)data;
    lc_tree *tree = NULL;
    lc_error *error = lc_tree_new(source->tree, &tree);
    *component = lc_tree_component(tree);
    return error;
}

static lc_error *source_make_isolate(lc_component **component, void **data,
                                     const struct lc__source *source)
{
    (void)data;
    return lc_isolate_component_new(source->isolate, component);
}

static lc_error *source_make_nested(lc_component **component, void **data,
                                    const struct lc__source *source)
{
    (void)data;
    return source->nest(component, source->name, source->nodes);
}

/* ---- workers ---- */

static void source_add_worker(const struct lc__source *source, lc_worker worker,
                              const lc_node *node)
{
    if ((unsigned)worker.kind == 0)
        worker.kind = node->kind;
    if (!worker.arg && !node->make)
        worker.arg = node->arg;
    if (worker.stack_size == 0)
        worker.stack_size = node->stack_size;
    if (!worker.executor && worker.kind == LC_FIBER)
        worker.executor = node->executor;
    lc_manager_builder_add(source->builder, &worker);
}

static lc_error *source_add_workers(const struct lc__source *source, const lc_node *node)
{
    struct lc__options_list list;
    bool found = true;
    if (node->run)
        source_add_worker(
            source, (lc_worker){.size = sizeof(lc_worker), .name = node->name, .run = node->run},
            node);
    lc_error *error = lc__options_list_open(&list, node->workers, "lc_worker");
    while (!error && found) {
        lc_worker worker;
        error = lc__options_list_next(&list, &worker, sizeof worker, &found);
        if (!error && found)
            source_add_worker(source, worker, node);
    }
    return error;
}

static lc_error *source_prepare_workers(struct lc__source *source, const lc_node *node)
{
    lc_manager *manager = NULL;
    source->builder = lc_manager_builder_new(node->name);
    if (!source->builder)
        return lc_error_new(-ENOMEM, "no memory for node \"%s\"", node->name);
    lc_error *error = source_add_workers(source, node);
    if (!error)
        error = lc_manager_builder_build(source->builder, &manager);
    lc_manager_unref(manager);
    return error;
}

/* ---- the node ---- */

/*
 * Makes one instance and destroys it, so that the call which is given the node finds a mistake in
 * it, and not the first start. The program's factory and `make` are not called.
 */
static lc_error *source_try(struct lc__source *source, const lc_node *node)
{
    lc_component *component = NULL;
    void *data = NULL;
    if (node->factory)
        return NULL;
    if (source->instance == source_build_manager)
        return source_prepare_workers(source, node);
    lc_error *error = source->instance(&component, &data, source);
    lc_component_destroy(component);
    return error ? lc_error_wrap(error, lc_error_code(error), "node \"%s\"", node->name) : NULL;
}

static lc_error *source_check_form(const lc_node *node)
{
    const bool given[] = {node->run,     node->workers, node->tree,
                          node->isolate, node->nodes,   node->factory};
    unsigned forms = 0;
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        forms += given[i];
    if (forms != 1)
        return lc_error_new(-EINVAL,
                            "node \"%s\" is made of %s: give it one of run, workers, tree, "
                            "isolate, nodes, factory",
                            node->name, forms == 0 ? "nothing" : "several things");
    if ((node->make || node->free) && !node->run && !node->workers)
        return lc_error_new(
            -EINVAL, "make and free of \"%s\" are for nodes that have run or workers", node->name);
    if (node->free && !node->make)
        return lc_error_new(-EINVAL, "free of \"%s\" has nothing to free without make", node->name);
    return NULL;
}

lc_error *lc__source_init(struct lc__source *source, const lc_node *node, const char *name,
                          lc__nested_maker nest)
{
    lc_error *error = source_check_form(node);
    if (error)
        return error;
    *source = (struct lc__source){
        .instance = node->factory   ? source_call_factory
                    : node->tree    ? source_make_tree
                    : node->isolate ? source_make_isolate
                    : node->nodes   ? source_make_nested
                                    : source_build_manager,
        .name = name,
        .arg = node->arg,
        .factory = node->factory,
        .make = node->make,
        .free = node->free,
        .tree = node->tree,
        .isolate = node->isolate,
        .nodes = node->nodes,
        .nest = nest,
    };
    error = source_try(source, node);
    if (error)
        lc__source_end(source);
    return error;
}

bool lc__source_has_data(const struct lc__source *source)
{
    return source->free != NULL;
}

void lc__source_free_data(const struct lc__source *source, void *data)
{
    if (!source->free)
        return;
    int cancelling; /* a thread that is cancelled in `free` would not go on here */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    source->free(data);
    pthread_setcancelstate(cancelling, NULL);
}

void lc__source_end(struct lc__source *source)
{
    lc_manager_builder_free(source->builder);
    source->builder = NULL;
}
