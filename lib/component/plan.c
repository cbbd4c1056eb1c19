/*
 * plan.c: see plan.h.
 */
#include "component/plan.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/refs.h"

#include <errno.h>
#include <string.h>

enum {
    FEW = sizeof((struct lc__plan *)0)->few / sizeof(lc_worker),
    FIRST_NAMES = 128, /* bytes: the names of the manager and of a few workers */
    LATER_NAMES = 4096,
};

/* ---- references ---- */

struct lc__plan *lc__plan_ref(struct lc__plan *plan)
{
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

void lc__plan_unref(struct lc__plan *plan)
{
    if (!plan || !lc__refs_drop(&plan->refs))
        return;
    for (struct lc__names *names = plan->names; names != &plan->first_names;) {
        struct lc__names *before = names->before;
        lc__free(names);
        names = before;
    }
    for (size_t i = 0; i < plan->count; i++)
        lc_thread_group_unref(plan->workers[i].group);
    if (plan->workers != plan->few)
        lc__free(plan->workers);
    lc__free(plan->places);
    lc__free(plan);
}

/* ---- names ---- */

static struct lc__names *plan_names_add(struct lc__plan *plan, size_t size)
{
    struct lc__names *names = lc__allocate(sizeof *names + size);
    if (!names)
        return NULL;
    names->size = size;
    names->before = plan->names;
    plan->names = names;
    return names;
}

/* @return the plan's copy, or NULL. A name is never longer than a piece. */
static const char *plan_name_copy(struct lc__plan *plan, const char *name, size_t size)
{
    struct lc__names *names = plan->names;
    if (names->size - names->used < size)
        names = plan_names_add(plan, LATER_NAMES);
    if (!names)
        return NULL;
    char *copy = memcpy(names->text + names->used, name, size);
    names->used += size;
    return copy;
}

/* ---- finding a name ---- */

/* FNV-1a. Names are short and are chosen by the program, so a plain hash will do. */
static size_t plan_name_hash(const char *name)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return (size_t)(value ^ (value >> 32));
}

static void plan_place_note(struct lc__plan *plan, size_t index)
{
    size_t mask = plan->place_count - 1;
    size_t at = plan_name_hash(plan->workers[index].name) & mask;
    while (plan->places[at] != 0)
        at = (at + 1) & mask;
    plan->places[at] = (unsigned)index + 1;
}

static bool plan_places_have(const struct lc__plan *plan, const char *name)
{
    size_t mask = plan->place_count - 1;
    for (size_t at = plan_name_hash(name) & mask; plan->places[at] != 0; at = (at + 1) & mask)
        if (strcmp(plan->workers[plan->places[at] - 1].name, name) == 0)
            return true;
    return false;
}

static bool plan_has(const struct lc__plan *plan, const char *name)
{
    if (plan->places)
        return plan_places_have(plan, name);
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->workers[i].name, name) == 0)
            return true;
    return false;
}

/* ---- room ---- */

/* Makes twice as many places as there is room for workers, so that a search is short. */
static int plan_places_make(struct lc__plan *plan, size_t room)
{
    unsigned *places = lc__allocate_array(room * 2, sizeof *places);
    if (!places)
        return -ENOMEM;
    lc__free(plan->places);
    plan->places = places;
    plan->place_count = room * 2;
    for (size_t i = 0; i < plan->count; i++)
        plan_place_note(plan, i);
    return 0;
}

static int plan_room_make(struct lc__plan *plan)
{
    size_t room = plan->room * 4;
    lc_worker *old = plan->workers == plan->few ? NULL : plan->workers;
    lc_worker *workers = lc__reallocate_array(old, room, sizeof *workers);
    if (!workers)
        return -ENOMEM;
    if (!old)
        memcpy(workers, plan->few, sizeof plan->few);
    plan->workers = workers;
    plan->room = room;
    return plan_places_make(plan, room);
}

/* ---- plans ---- */

struct lc__plan *lc__plan_new(const char *name)
{
    struct lc__plan *plan = lc__allocate(sizeof *plan + FIRST_NAMES);
    if (!plan)
        return NULL;
    atomic_init(&plan->refs, 1);
    plan->ready_warning = LC_READY_WARNING;
    plan->workers = plan->few;
    plan->room = FEW;
    plan->first_names.size = FIRST_NAMES;
    plan->names = &plan->first_names;
    plan->name = plan_name_copy(plan, name, strlen(name) + 1);
    return plan;
}

int lc__plan_append(struct lc__plan *plan, const lc_worker *worker)
{
    LC__ASSERT(atomic_load_explicit(&plan->refs, memory_order_relaxed) == 1); /* not shared */
    if (plan_has(plan, worker->name))
        return -EEXIST;
    if (plan->count == plan->room && plan_room_make(plan) < 0)
        return -ENOMEM;
    const char *name = plan_name_copy(plan, worker->name, strlen(worker->name) + 1);
    if (!name)
        return -ENOMEM;
    plan->workers[plan->count] = *worker;
    plan->workers[plan->count].name = name;
    lc_thread_group_ref(worker->group);
    if (plan->places)
        plan_place_note(plan, plan->count);
    plan->count++;
    return 0;
}

struct lc__plan *lc__plan_copy(const struct lc__plan *plan)
{
    struct lc__plan *copy = lc__plan_new(plan->name);
    if (!copy)
        return NULL;
    copy->ready_warning = plan->ready_warning;
    for (size_t i = 0; i < plan->count; i++) {
        if (lc__plan_append(copy, &plan->workers[i]) == 0)
            continue;
        lc__plan_unref(copy);
        return NULL;
    }
    return copy;
}
