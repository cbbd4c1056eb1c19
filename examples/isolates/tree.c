/*
 * tree.c: the dispenser's tree of reducers. How many files there are is not known before all are
 * found, so the tree grows from below: when a reducer has as many reporters as it may have, it is
 * sealed and becomes a reporter of the next level's, and another one takes its place. In the end
 * those that are not full are sealed too, from below, and the last one reports the total.
 *
 * A reducer opens its ports itself, and so can only be reported to once it has announced them.
 */
#include "isolates.h"

#include <errno.h>
#include <string.h>

static lc_error *start(struct tree *tree, struct level *level)
{
    *level = (struct level){.used = true};
    lc_error *error = reducer_spawn(tree->roster, tree->announcements, &level->reducer.place);
    if (error)
        level->used = false;
    return error;
}

/* The level's reducer gets no more reporters, and is one of `parent`'s. */
static lc_error *seal(const struct tree *tree, struct level *level, lc_send_port parent)
{
    struct seal seal = {level->reporters, parent};
    struct part ended = {.ended = 1};
    lc_payload response = {&ended, sizeof ended, NULL};
    lc_isolate reducer = tree->roster->members[level->reducer.place].isolate;
    int code = lc_isolate_add_exit_listener(reducer, parent, &response);
    if (code == 0)
        code = lc_send(level->reducer.seals, &seal, sizeof seal);
    level->used = false;
    return code == 0 ? NULL : lc_error_new_errno(-code, "cannot seal a reducer");
}

/*
 * Makes sure that the level has a reducer with room for one more, and if need be the level above
 * it first, and so on.
 * @return whether it has announced itself; with an error false.
 */
static bool has_room(struct tree *tree, struct level *level, lc_error **error)
{
    if (level->used && level->reporters < tree->fan_in)
        return level->announced;
    if (level->used) {
        if (!has_room(tree, level + 1, error))
            return false;
        level[1].reporters++;
        *error = seal(tree, level, level[1].reducer.parts);
    }
    if (!*error)
        *error = start(tree, level);
    return false;
}

lc_error *tree_room(struct tree *tree, lc_send_port *parts)
{
    lc_error *error = NULL;
    bool found = has_room(tree, tree->levels, &error);
    *parts = found ? tree->levels[0].reducer.parts : LC_NO_PORT;
    return error;
}

void tree_add(struct tree *tree)
{
    tree->levels[0].reporters++;
}

void tree_announced(struct tree *tree, const struct announcement *announcement)
{
    for (struct level *level = tree->levels; level < tree->levels + TREE_LEVELS; level++) {
        if (!level->used || level->reducer.place != announcement->place)
            continue;
        level->reducer = *announcement;
        level->announced = true;
    }
}

bool tree_needs(const struct tree *tree, size_t place)
{
    for (const struct level *level = tree->levels; level < tree->levels + TREE_LEVELS; level++)
        if (level->used && level->reducer.place == place)
            return true;
    return false;
}

/* Whether a level above this one has a reducer. */
static bool is_below_another(const struct tree *tree, const struct level *level)
{
    while (++level < tree->levels + TREE_LEVELS)
        if (level->used)
            return true;
    return false;
}

lc_error *tree_complete(struct tree *tree)
{
    lc_error *error = NULL;
    for (struct level *level = tree->levels; level < tree->levels + TREE_LEVELS; level++) {
        if (!level->used)
            continue;
        if (!level->announced)
            return NULL;
        if (!is_below_another(tree, level)) {
            tree->complete = true;
            return seal(tree, level, tree->top);
        }
        if (!has_room(tree, level + 1, &error))
            return error;
        level[1].reporters++;
        error = seal(tree, level, level[1].reducer.parts);
        if (error)
            return error;
    }
    struct part nothing = {.words = 0}; /* no reducer was ever needed */
    tree->complete = true;
    int code = lc_send(tree->top, &nothing, sizeof nothing);
    return code == 0 ? NULL : lc_error_new_errno(-code, "cannot tell the total");
}
