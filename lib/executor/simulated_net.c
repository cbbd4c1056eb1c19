/*
 * simulated_net.c: see simulated_net.h.
 */
#include "executor/simulated_net.h"

#include "base/memory.h"
#include "base/sanitizer.h"
#include "base/system.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* As the system's free ports. */
enum { FIRST_PORT = 49152, LAST_PORT = 65535 };

struct lc__simulated_place {
    STAILQ_ENTRY(lc__simulated_place) link;
    char *key;
    unsigned number;
    unsigned port;
};

void lc__simulated_net_init(struct lc__simulated_net *net)
{
    *net = (struct lc__simulated_net){.next_port = FIRST_PORT};
    STAILQ_INIT(&net->places);
}

void lc__simulated_net_end(struct lc__simulated_net *net)
{
    for (struct lc__simulated_place *place; (place = STAILQ_FIRST(&net->places));) {
        STAILQ_REMOVE_HEAD(&net->places, link);
        lc__free(place->key);
        lc__free(place);
    }
}

/* Abstract: the first byte is 0, and there is no file. */
static void place_fill(const struct lc__simulated_net *net, const struct lc__simulated_place *place,
                       struct sockaddr_un *address, socklen_t *size)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        snprintf(address->sun_path + 1, sizeof address->sun_path - 1,
                 "lifecycle-%016" PRIx64 "-%u:%u", net->secret, place->number, place->port);
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

int lc__simulated_net_find(const struct lc__simulated_net *net, const char *key,
                           struct sockaddr_un *address, socklen_t *size)
{
    const struct lc__simulated_place *place;
    lc__sanitizer_acquire((void *)(uintptr_t)net);
    STAILQ_FOREACH (place, &net->places, link) {
        if (strcmp(place->key, key) != 0)
            continue;
        place_fill(net, place, address, size);
        return 0;
    }
    return -ENOENT;
}

/* Not from the seed: a run of the same seed, in another process, must not have the same. */
static int secret_make(struct lc__simulated_net *net)
{
    return net->secret ? 0 : lc__getrandom(&net->secret, sizeof net->secret);
}

static int place_add(struct lc__simulated_net *net, const char *key, unsigned port)
{
    struct lc__simulated_place *place = lc__allocate(sizeof *place);
    char *copy = lc__duplicate(key);
    if (!place || !copy) {
        lc__free(place);
        lc__free(copy);
        return -ENOMEM;
    }
    place->key = copy;
    place->number = net->count++;
    place->port = port;
    STAILQ_INSERT_TAIL(&net->places, place, link);
    lc__sanitizer_release(net); /* it takes fibers for threads, and sees the copy of the key */
    return 0;
}

int lc__simulated_net_add(struct lc__simulated_net *net, const char *key, unsigned port,
                          struct sockaddr_un *address, socklen_t *size)
{
    int result = secret_make(net);
    if (result == 0 && lc__simulated_net_find(net, key, address, size) == 0)
        return 0;
    if (result == 0)
        result = place_add(net, key, port);
    return result == 0 ? lc__simulated_net_find(net, key, address, size) : result;
}

unsigned lc__simulated_net_next_port(struct lc__simulated_net *net)
{
    unsigned port = net->next_port;
    net->next_port = port < LAST_PORT ? port + 1 : FIRST_PORT;
    net->ports_repeat |= port == LAST_PORT;
    return port;
}

unsigned lc__simulated_net_port(const struct sockaddr_un *address, socklen_t size)
{
    size_t before = offsetof(struct sockaddr_un, sun_path) + 1;
    char name[sizeof address->sun_path];
    if (size <= before || address->sun_path[0] != '\0')
        return 0;
    memcpy(name, address->sun_path + 1, size - before);
    name[size - before] = '\0';
    const char *colon = strchr(name, ':');
    return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
