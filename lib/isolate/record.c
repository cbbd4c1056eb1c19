/*
 * record.c: the pool of the records of isolates. See record.h.
 */
#include "isolate/record.h"

#include "base/library.h"
#include "base/memory.h"

_Static_assert(LC_ISOLATES_MAX == (long)LC__POOL_CHUNK * LC__POOL_CHUNKS,
               "the limit is that of the pool");

struct lc__pool lc__isolates = {
    .record_size = sizeof(struct lc__isolate),
    .place_at = offsetof(struct lc__isolate, place),
};

static void isolates_free(void)
{
    lc__pool_free_all(&lc__isolates);
}

void lc__isolates_register(void)
{
    /* An isolate that lives keeps its executor busy, so this facility never is. */
    static struct lc__facility facility = {.shut_down = isolates_free, .is_memory = true};
    lc__facility_register(&facility);
}

struct lc__extras *lc__extras_new(void)
{
    struct lc__extras *extras = lc__allocate(sizeof *extras);
    if (!extras)
        return NULL;
    STAILQ_INIT(&extras->pauses);
    STAILQ_INIT(&extras->control);
    STAILQ_INIT(&extras->at_exit);
    STAILQ_INIT(&extras->waiting);
    LIST_INIT(&extras->timers);
    return extras;
}

const char *lc__isolate_name(const struct lc__isolate *isolate)
{
    LC__ASSERT(lc__isolate_is_callers(isolate));
    bool named = isolate->alive && isolate->extras && isolate->extras->name;
    return named ? isolate->extras->name : "isolate";
}
