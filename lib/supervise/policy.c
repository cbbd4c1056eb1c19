/*
 * policy.c: checks of back-offs, intensities, kinds, time limits and names, and their defaults. See
 * policy.h.
 */
#include "supervise/policy.h"

#include "base/memory.h"
#include "base/name.h"

#include <lifecycle/options.h>

#include <errno.h>
#include <stdio.h>

/* ---- back-off ---- */

static const struct lc__backoff backoff_defaults[] = {
    [LC__OF_GRAPH] = LC__BACKOFF_OF_GRAPH,
    [LC__OF_TREE] = LC__BACKOFF_OF_TREE,
};

/* A field's value: 0 stands for the default, LC_NONE for 0. */
static int64_t duration_of(int64_t given, int64_t otherwise)
{
    return given == 0 ? otherwise : given == LC_NONE ? 0 : given;
}

static lc_error *backoff_check(const struct lc__backoff *backoff, const char *name)
{
    if (backoff->first < 0 || backoff->most < backoff->first)
        return lc_error_new(-EINVAL,
                            "backoff of \"%s\": first is %lld ns and must be above 0 or LC_NONE; "
                            "most is %lld ns and must be no less than first",
                            name, (long long)backoff->first, (long long)backoff->most);
    if (backoff->steady < 0)
        return lc_error_new(-EINVAL,
                            "backoff.steady of \"%s\" is %lld ns, and must be above 0 or LC_NONE",
                            name, (long long)backoff->steady);
    if (!(backoff->factor >= 1))
        return lc_error_new(-EINVAL, "backoff.factor of \"%s\" is %g, and must be 1 or more", name,
                            backoff->factor);
    if (!(backoff->jitter >= 0 && backoff->jitter <= 1))
        return lc_error_new(-EINVAL,
                            "backoff.jitter of \"%s\" is %g, and must be above 0 and at most 1, or "
                            "LC_NONE",
                            name, backoff->jitter);
    return NULL;
}

lc_error *lc__policy_backoff(struct lc__backoff *backoff, const lc_backoff *given, const char *name,
                             enum lc__front front)
{
    const struct lc__backoff *otherwise = &backoff_defaults[front];
    bool no_jitter = given->jitter == (double)LC_NONE;
    backoff->first_at_once = otherwise->first_at_once && !given->pause_first;
    backoff->first = duration_of(given->first, otherwise->first);
    backoff->most = duration_of(given->most, otherwise->most);
    if (given->most == 0 && backoff->most < backoff->first)
        backoff->most = backoff->first;
    backoff->factor = given->factor == 0 ? otherwise->factor : given->factor;
    backoff->jitter = given->jitter == 0 ? otherwise->jitter : no_jitter ? 0 : given->jitter;
    backoff->steady = duration_of(given->steady, otherwise->steady);
    return backoff_check(backoff, name);
}

/* ---- intensity ---- */

lc_error *lc__policy_intensity(lc_intensity *intensity, const char *name)
{
    bool none = intensity->restarts == LC_RESTARTS_NONE;
    if (intensity->period == 0)
        intensity->period = 5 * LC_SECOND;
    if (intensity->exceeded == LC_RESTART)
        intensity->exceeded = LC_STOP_PARENTS;
    if (!lc_behavior_name(intensity->exceeded))
        return lc_error_new(-EINVAL, "intensity.exceeded of \"%s\" is %d, not a behavior", name,
                            (int)intensity->exceeded);
    if (!none && intensity->restarts > LC_INTENSITY_MAX)
        return lc_error_new(-EINVAL,
                            "intensity.restarts of \"%s\" is %u, and must be 0 to %d or "
                            "LC_RESTARTS_NONE",
                            name, intensity->restarts, LC_INTENSITY_MAX);
    if (intensity->period < 0)
        return lc_error_new(-EINVAL, "intensity.period of \"%s\" is %lld ns, and must be above 0",
                            name, (long long)intensity->period);
    return NULL;
}

bool lc__intensity_init(struct lc__engine_intensity *intensity, const lc_intensity *limit)
{
    size_t room = limit->restarts == LC_RESTARTS_NONE ? 0 : limit->restarts;
    *intensity = (struct lc__engine_intensity){.limit = *limit};
    intensity->times = room > 0 ? lc__allocate_array(room, sizeof *intensity->times) : NULL;
    return room == 0 || intensity->times;
}

const char *lc__intensity_text(const lc_intensity *limit, char text[LC__INTENSITY_TEXT_SIZE])
{
    if (limit->restarts == LC_RESTARTS_NONE)
        return "none is allowed";
    snprintf(text, LC__INTENSITY_TEXT_SIZE, "%u in %.1f s are allowed", limit->restarts,
             (double)limit->period / (double)LC_SECOND);
    return text;
}

/* ---- the others ---- */

lc_error *lc__policy_restart(lc_restart_type *restart, const char *name, enum lc__front front)
{
    if (*restart == LC_RESTART_TYPE_DEFAULT)
        *restart = front == LC__OF_TREE ? LC_PERMANENT : LC_TRANSIENT;
    if ((unsigned)*restart > LC_TEMPORARY)
        return lc_error_new(-EINVAL, "restart of \"%s\" is %d, not a restart type", name,
                            (int)*restart);
    return NULL;
}

lc_error *lc__policy_kind(lc_worker_kind *kind, const char *name)
{
    if ((unsigned)*kind == 0)
        *kind = LC_THREAD;
    if (*kind != LC_THREAD && *kind != LC_FIBER)
        return lc_error_new(-EINVAL, "kind of \"%s\" is %d, neither LC_THREAD nor LC_FIBER", name,
                            (int)*kind);
    return NULL;
}

lc_error *lc__policy_timeout(int64_t *timeout, const char *field, const char *name)
{
    if (*timeout == 0)
        *timeout = LC_FOREVER;
    if (*timeout < 0)
        return lc_error_new(-EINVAL, "%s of \"%s\" is %lld ns, and must be above 0, or 0 for none",
                            field, name, (long long)*timeout);
    return NULL;
}

lc_error *lc__policy_name(const char **name, const char *otherwise, const char *field)
{
    if (!*name)
        *name = otherwise;
    if (lc__name_fits(*name))
        return NULL;
    if (!*name || !**name)
        return lc_error_new(-EINVAL, "%s is %s, and must be 1 to %d bytes long", field,
                            *name ? "empty" : "missing", LC_NAME_MAX);
    return lc_error_new(-EINVAL, "%s begins with \"%.*s\" and is longer than %d bytes", field,
                        LC_NAME_MAX, *name, LC_NAME_MAX);
}
