/*
 * simulated_net.h (internal): the addresses of sockets in a simulation. A host and port, or a path,
 * stands for an abstract Unix address that no other simulation and no other process uses. The
 * kernel knows whether a socket listens there. Floor 1; address.c asks by lc__simulation_net.
 */
#ifndef LIFECYCLE_EXECUTOR_SIMULATED_NET_H
#define LIFECYCLE_EXECUTOR_SIMULATED_NET_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct lc__simulated_place;

struct lc__simulated_net {
    STAILQ_HEAD(, lc__simulated_place) places;
    unsigned count;
    unsigned next_port; /* for the next listener at port 0 */
    bool ports_repeat;  /* all of them have been given out */
    uint64_t secret;    /* a part of each address; 0: not made yet */
};

void lc__simulated_net_init(struct lc__simulated_net *net);
void lc__simulated_net_end(struct lc__simulated_net *net);
/* The address that `key` stands for, of *size bytes. @return 0, -ENOENT. */
int lc__simulated_net_find(const struct lc__simulated_net *net, const char *key,
                           struct sockaddr_un *address, socklen_t *size);
/*
 * The same; a new key gets an address, from which lc__simulated_net_port reads `port`.
 * @return 0, -ENOMEM.
 */
int lc__simulated_net_add(struct lc__simulated_net *net, const char *key, unsigned port,
                          struct sockaddr_un *address, socklen_t *size);
/* The next port for a listener that leaves the choice to the system. */
unsigned lc__simulated_net_next_port(struct lc__simulated_net *net);
/* The port that is part of an address; 0: none is. */
unsigned lc__simulated_net_port(const struct sockaddr_un *address, socklen_t size);

#endif
