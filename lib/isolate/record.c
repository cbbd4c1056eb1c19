/*
 * record.c: the pool of the isolates' records. See record.h.
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

static void free_pool(void)
{
    lc__pool_free_all(&lc__isolates);
}

/* Whether isolates are alive is the executors' to tell. */
static struct lc__facility facility = {.shut_down = free_pool, .is_memory = true};

struct lc__extras *lc__extras_new(void)
{
    struct lc__extras *extras = lc__allocate(sizeof *extras);
    if (!extras)
        return NULL;
    STAILQ_INIT(&extras->pauses);
    STAILQ_INIT(&extras->control);
    STAILQ_INIT(&extras->at_exit);
    LIST_INIT(&extras->timers);
    return extras;
}

const char *lc__isolate_name(const struct lc__isolate *isolate)
{
    bool named = isolate->alive && isolate->extras && isolate->extras->name;
    return named ? isolate->extras->name : "isolate";
}

void lc__isolates_register(void)
{
    lc__facility_register(&facility);
}
