/*
 * address.c: see address.h.
 */
#include "context/address.h"

#include "base/assert.h"
#include "base/task.h"
#include "executor/simulated_net.h"
#include "executor/simulation.h"

#include <lifecycle/executor.h>

#include <arpa/inet.h>
#include <bsd/string.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { PORT_MAX = 65535 };

int lc__address_port(const char *text)
{
    int number = 0;
    if (!text || !*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        number = number * 10 + (*text - '0');
        if (number > PORT_MAX)
            return -EINVAL;
    }
    return number;
}

static bool address_is_everywhere(const char *host)
{
    return !host || !*host || strcmp(host, "::") == 0;
}

/* ---- numbers ---- */

static void address_set_v4(struct lc__address *address, struct in_addr number, unsigned port)
{
    address->size = sizeof address->at.v4;
    address->at.v4 = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = number};
}

static void address_set_v6(struct lc__address *address, struct in6_addr number, unsigned port)
{
    address->size = sizeof address->at.v6;
    address->at.v6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = number};
}

/* @return whether the host is a number. */
static bool address_parse(const char *host, unsigned port, struct lc__address *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        address_set_v4(address, v4, port);
    else if (inet_pton(AF_INET6, host, &v6) == 1)
        address_set_v6(address, v6, port);
    else
        return false;
    return true;
}

bool lc__address_is_name(const char *host)
{
    struct lc__address unused;
    return host && *host && !lc__task_current()->simulation && !address_parse(host, 0, &unused);
}

/* ---- names ---- */

/* A question to the resolver; on the stack of the caller, which waits for the answer. */
struct lookup {
    const char *host;
    unsigned port;
    struct lc__addresses *found;
    int result;
};

static int lookup_code(int code)
{
    switch (code) {
    case EAI_SYSTEM:
        return -errno;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_AGAIN:
        return -EAGAIN;
    default:
        return -ENOENT;
    }
}

/* Takes the addresses of the two known families, as many as there is room for. */
static void lookup_take(struct lookup *lookup, const struct addrinfo *first)
{
    struct lc__addresses *found = lookup->found;
    for (const struct addrinfo *one = first; one && found->count < LC__ADDRESSES_MAX;
         one = one->ai_next) {
        struct lc__address *address = &found->list[found->count];
        if ((one->ai_family != AF_INET && one->ai_family != AF_INET6) ||
            one->ai_addrlen > sizeof address->at)
            continue;
        memcpy(&address->at, one->ai_addr, one->ai_addrlen);
        address->size = one->ai_addrlen;
        found->count++;
    }
    LC__ASSERT(found->count <= LC__ADDRESSES_MAX);
    lookup->result = found->count > 0 ? 0 : -ENOENT;
}

static void lookup_run(void *arg)
{
    struct lookup *lookup = arg;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[16];
    struct addrinfo *first = NULL;
    int cancelling; /* the resolver is a cancellation point, and lc_connect is none */
    snprintf(port, sizeof port, "%u", lookup->port);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    int code = getaddrinfo(lookup->host, port, &hints, &first);
    pthread_setcancelstate(cancelling, NULL);
    if (code == 0) {
        lookup_take(lookup, first);
        freeaddrinfo(first);
        return;
    }
    lookup->result = lookup_code(code);
    if (code != EAI_SYSTEM)
        lookup->found->reason = gai_strerror(code);
}

static int addresses_look_up(const char *host, unsigned port, struct lc__addresses *found)
{
    struct lookup lookup = {host, port, found, -ENOENT};
    lc__task_shield(); /* a task that ended here would not give back what the caller holds */
    int result = lc_call_blocking(lookup_run, &lookup);
    lc__task_unshield();
    return result < 0 ? result : lookup.result;
}

static int addresses_of_host(const char *host, unsigned port, struct lc__addresses *found)
{
    if (!address_parse(host, port, &found->list[0]))
        return addresses_look_up(host, port, found);
    found->count = 1;
    return 0;
}

/* ---- in a simulation ---- */

enum { KEY_MAX = 300 };

/*
 * All texts that mean all addresses give one key, and localhost has one address. Other hosts differ
 * if their texts do.
 */
static void simulated_key(char key[KEY_MAX], const char *host, unsigned port)
{
    if (!host || address_is_everywhere(host) || strcmp(host, "0.0.0.0") == 0)
        host = "*";
    else if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    snprintf(key, KEY_MAX, "%.255s:%u", host, port);
}

/*
 * For port 0 it chooses a port that the program has not used. When all ports were used, they come
 * again in turn; a socket may still listen on one.
 */
static int simulated_listen(struct lc__simulated_net *net, const char *host, unsigned port,
                            struct lc__addresses *found)
{
    char key[KEY_MAX];
    struct lc__address *address = &found->list[0];
    unsigned number = port;
    do {
        if (port == 0)
            number = lc__simulated_net_next_port(net);
        simulated_key(key, host, number);
    } while (port == 0 && !net->ports_repeat &&
             lc__simulated_net_find(net, key, &address->at.local, &address->size) == 0);
    int result = lc__simulated_net_add(net, key, number, &address->at.local, &address->size);
    found->count = result == 0;
    return result;
}

/* The listener of this address comes first, then that of all addresses. */
static int simulated_connect(const struct lc__simulated_net *net, const char *host, unsigned port,
                             struct lc__addresses *found)
{
    const char *const hosts[] = {host, NULL};
    for (size_t i = 0; i < 2; i++) {
        char key[KEY_MAX];
        struct lc__address *address = &found->list[found->count];
        simulated_key(key, hosts[i], port);
        found->count += lc__simulated_net_find(net, key, &address->at.local, &address->size) == 0;
    }
    return found->count > 0 ? 0 : -ECONNREFUSED;
}

/* ---- both ---- */

int lc__addresses_to_listen(const char *host, unsigned port, struct lc__addresses *found)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    *found = (struct lc__addresses){.count = 0};
    if (simulation)
        return simulated_listen(lc__simulation_net(simulation), host, port, found);
    if (!address_is_everywhere(host))
        return addresses_of_host(host, port, found);
    /* The first accepts IPv4 as well; the second is for a machine without IPv6. */
    address_set_v6(&found->list[0], in6addr_any, port);
    address_set_v4(&found->list[1], (struct in_addr){htonl(INADDR_ANY)}, port);
    found->count = 2;
    return 0;
}

int lc__addresses_to_connect(const char *host, unsigned port, struct lc__addresses *found)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    *found = (struct lc__addresses){.count = 0};
    if (simulation)
        return simulated_connect(lc__simulation_net(simulation), host, port, found);
    return addresses_of_host(host, port, found);
}

int lc__address_of_path(const char *path, bool listen, struct lc__address *address)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    struct sockaddr_un *local = &address->at.local;
    if (!path || !*path)
        return -EINVAL;
    if (strlen(path) >= sizeof local->sun_path)
        return -ENAMETOOLONG;
    if (!simulation) {
        *local = (struct sockaddr_un){.sun_family = AF_UNIX};
        strlcpy(local->sun_path, path, sizeof local->sun_path);
        address->size = sizeof *local;
        return 0;
    }
    struct lc__simulated_net *net = lc__simulation_net(simulation);
    char key[sizeof local->sun_path + 8];
    snprintf(key, sizeof key, "unix:%s", path);
    return listen ? lc__simulated_net_add(net, key, 0, local, &address->size)
                  : lc__simulated_net_find(net, key, local, &address->size);
}
