/*
 * builder.c: collects workers, and builds managers of them. See <lifecycle/manager.h>.
 */
#include "component/builder.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/options.h"
#include "component/manager.h"
#include "component/plan.h"

#include <errno.h>
#include <inttypes.h>

struct lc_manager_builder {
    struct lc__plan *plan;
    lc_worker_kind kind; /* of workers that name no kind */
    lc_error *mistake;   /* the first mistake of the calls so far; NULL: none */
};

/* ---- the plan ---- */

/* Copies the plan if a manager shares it. @return 0, or -ENOMEM. */
static int builder_plan_own(lc_manager_builder *builder)
{
    /* Acquire: a manager's last use of the plan, before its unref, happens before our changes. */
    if (atomic_load_explicit(&builder->plan->refs, memory_order_acquire) == 1)
        return 0;
    struct lc__plan *copy = lc__plan_copy(builder->plan);
    if (!copy)
        return -ENOMEM;
    lc__plan_unref(builder->plan);
    builder->plan = copy;
    return 0;
}

/* ---- mistakes ---- */

/* Takes `mistake` over; keeps it if it is the first. */
static void builder_mistake_keep(lc_manager_builder *builder, lc_error *mistake)
{
    if (builder->mistake)
        lc_error_unref(mistake);
    else
        builder->mistake = mistake;
}

LC__OPTIONS_END(lc_worker, group);

/* @return what is wrong with the worker's kind, or with the fields that depend on it; or NULL. */
static lc_error *builder_worker_check_kind(const struct lc__plan *plan, const lc_worker *worker)
{
    if (worker->kind != LC_THREAD && worker->kind != LC_FIBER)
        return lc_error_new(-EINVAL, "worker \"%s\" of \"%s\" is of kind %d, which does not exist",
                            worker->name, plan->name, (int)worker->kind);
    bool is_fiber = worker->kind == LC_FIBER;
    size_t least = is_fiber ? LC_FIBER_STACK_MIN : LC_STACK_SIZE_MIN;
    if (worker->stack_size != 0 &&
        (worker->stack_size < least || (is_fiber && worker->stack_size > LC_FIBER_STACK_MAX)))
        return lc_error_new(
            -EINVAL,
            "worker \"%s\" of \"%s\" asks for a stack of %zu bytes: at least %zu%s, or 0 "
            "for the default",
            worker->name, plan->name, worker->stack_size, least,
            is_fiber ? " and at most 1 GiB" : "");
    if (!is_fiber && (worker->executor || worker->group || worker->spread))
        return lc_error_new(-EINVAL,
                            "worker \"%s\" of \"%s\" is a thread, and so belongs to no executor "
                            "or group: make it a LC_FIBER",
                            worker->name, plan->name);
    return NULL;
}

/* @return what is wrong with the worker, or NULL. */
static lc_error *builder_worker_check(const struct lc__plan *plan, const lc_worker *worker)
{
    if (!lc__name_fits(worker->name))
        return lc_error_new(-EINVAL, "a worker of \"%s\" needs a name of 1 to %d bytes", plan->name,
                            LC_NAME_MAX);
    if (!worker->run)
        return lc_error_new(-EINVAL, "worker \"%s\" of \"%s\" has no function to run", worker->name,
                            plan->name);
    if (plan->count >= LC_MANAGER_WORKERS_MAX)
        return lc_error_new(-E2BIG, "\"%s\" has %d workers already, the most there can be",
                            plan->name, LC_MANAGER_WORKERS_MAX);
    return builder_worker_check_kind(plan, worker);
}

/* Reads `given` into `worker`. @return NULL, or what is wrong with it. */
static lc_error *builder_worker_read(const lc_manager_builder *builder, lc_worker *worker,
                                     const lc_worker *given)
{
    lc_error *mistake = lc__options_read(worker, sizeof *worker, given, "lc_worker");
    if (worker->kind == LC_KIND_DEFAULT)
        worker->kind = builder->kind;
    return mistake ? mistake : builder_worker_check(builder->plan, worker);
}

/* ---- building ---- */

lc_manager_builder *lc_manager_builder_new(const char *name)
{
    lc_manager_builder *builder = lc__allocate(sizeof *builder);
    if (!builder)
        return NULL;
    builder->kind = LC_THREAD;
    lc_error *mistake = lc__name_check("a manager", name);
    builder->plan = lc__plan_new(mistake ? "(no name)" : name);
    if (!builder->plan) {
        lc_error_unref(mistake);
        lc__free(builder);
        return NULL;
    }
    if (mistake)
        builder_mistake_keep(builder, mistake);
    return builder;
}

void lc_manager_builder_free(lc_manager_builder *builder)
{
    if (!builder)
        return;
    lc__plan_unref(builder->plan);
    lc_error_unref(builder->mistake);
    lc__free(builder);
}

void lc_manager_builder_set_kind(lc_manager_builder *builder, lc_worker_kind kind)
{
    if (builder)
        builder->kind = kind == LC_KIND_DEFAULT ? LC_THREAD : kind;
}

void lc_manager_builder_set_ready_warning(lc_manager_builder *builder, int64_t timeout)
{
    if (!builder || builder->mistake)
        return;
    const char *name = builder->plan->name;
    if (timeout < 0)
        builder_mistake_keep(builder,
                             lc_error_new(-EINVAL,
                                          "the ready warning of \"%s\" comes after %" PRId64
                                          " ns: 0 for the default, LC_FOREVER for none, or a time "
                                          "above 0",
                                          name, timeout));
    else if (builder_plan_own(builder) < 0)
        builder_mistake_keep(
            builder, lc_error_new(-ENOMEM, "no memory for the ready warning of \"%s\"", name));
    else
        builder->plan->ready_warning = timeout > 0 ? timeout : LC_READY_WARNING;
}

/* @return NULL, or why the worker could not be added. */
static lc_error *builder_worker_append(lc_manager_builder *builder, const lc_worker *worker)
{
    int result = builder_plan_own(builder);
    if (result == 0)
        result = lc__plan_append(builder->plan, worker);
    if (result == -EEXIST)
        return lc_error_new(-EEXIST, "\"%s\" has two workers called \"%s\": names must differ",
                            builder->plan->name, worker->name);
    if (result < 0)
        return lc_error_new(result, "no memory for worker \"%s\" of \"%s\"", worker->name,
                            builder->plan->name);
    return NULL;
}

void lc_manager_builder_add(lc_manager_builder *builder, const lc_worker *given)
{
    if (!builder || builder->mistake)
        return;
    lc_worker worker;
    lc_error *mistake = builder_worker_read(builder, &worker, given);
    if (!mistake)
        mistake = builder_worker_append(builder, &worker);
    if (mistake)
        builder_mistake_keep(builder, mistake);
}

lc_error *lc__builder_build_for(lc_manager_builder *builder, void *arg, lc_manager **manager)
{
    if (builder->mistake)
        return lc_error_ref(builder->mistake);
    struct lc__plan *plan = lc__plan_copy(builder->plan);
    for (size_t i = 0; plan && i < plan->count; i++)
        if (!plan->workers[i].arg)
            plan->workers[i].arg = arg;
    *manager = plan ? lc__manager_new(plan) : NULL;
    if (*manager)
        return NULL;
    lc__plan_unref(plan);
    return lc_error_new(-ENOMEM, "no memory for manager \"%s\"", builder->plan->name);
}

lc_error *lc_manager_builder_build(lc_manager_builder *builder, lc_manager **manager)
{
    if (!manager)
        return lc_error_new(-EINVAL, "lc_manager_builder_build needs a place for the manager");
    *manager = NULL;
    if (!builder)
        return lc_error_new(-ENOMEM, "there is no builder: lc_manager_builder_new had no memory");
    if (builder->mistake)
        return lc_error_ref(builder->mistake);
    *manager = lc__manager_new(lc__plan_ref(builder->plan));
    if (*manager)
        return NULL;
    lc__plan_unref(builder->plan);
    return lc_error_new(-ENOMEM, "no memory for manager \"%s\"", builder->plan->name);
}
