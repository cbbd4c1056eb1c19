/*
 * source.h: makes the components of a node: of workers, a tree, an isolate, nested nodes, or by a
 * factory of the program. Floor 5: node.c, node_instance.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SOURCE_H
#define LIFECYCLE_SUPERVISE_SOURCE_H

#include <lifecycle/supervisor.h>

/*
 * Makes a component of the nested nodes of the node `name`, checked as lc_supervisor_check() does.
 * The supervisor passes the function down, since it lies above this file.
 */
typedef lc_error *(*lc__nested_maker)(lc_component **component, const char *name,
                                      const lc_node *const *nodes);

struct lc__source {
    /* Makes a component, and the data of its workers: see lc__source_free_data(). */
    lc_error *(*instance)(lc_component **component, void **data, const struct lc__source *source);
    const char *name; /* the node's; borrowed */
    void *arg;
    lc_component_factory factory;
    lc_manager_builder *builder; /* NULL: the node is not made of workers */
    lc_error *(*make)(void **data, void *arg);
    void (*free)(void *data);
    const struct lc_tree_options *tree;
    const struct lc_isolate_options *isolate;
    const lc_node *const *nodes;
    lc__nested_maker nest;
};

/*
 * Fills in `source` for a node; its kind has been resolved. `name` lives at least as long.
 * @return NULL; -EINVAL naming what is wrong with the node; -ENOMEM; an answer of `nest`. With an
 * error there is nothing to end.
 */
lc_error *lc__source_init(struct lc__source *source, const lc_node *node, const char *name,
                          lc__nested_maker nest);
void lc__source_end(struct lc__source *source);

/*
 * Whether the data of an instance is to be freed, which calls the program and may wait. The caller
 * frees it once the component is destroyed, and before it makes another instance: `make` may open
 * what `free` closes.
 */
bool lc__source_has_data(const struct lc__source *source);
void lc__source_free_data(const struct lc__source *source, void *data);

#endif
