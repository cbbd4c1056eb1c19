/*
 * address.h (internal): finds the addresses of a host and a port, or of a path; in a simulation,
 * the addresses that stand for them there. Floor 3, for socket.c.
 */
#ifndef LIFECYCLE_CONTEXT_ADDRESS_H
#define LIFECYCLE_CONTEXT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct lc__address {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } at;
};

enum { LC__ADDRESSES_MAX = 8 };

struct lc__addresses {
    size_t count;
    struct lc__address list[LC__ADDRESSES_MAX];
    const char *reason; /* why there are none; NULL: strerror(3) of the result says it */
};

/* Reads the number of a port. @return 0 to 65535; -EINVAL. */
int lc__address_port(const char *text);
/* Whether the addresses of the host come from the resolver, which may take long. */
bool lc__address_is_name(const char *host);
/*
 * Finds the addresses to listen on. `host` NULL: all addresses of the machine. May wait for the
 * resolver; nothing interrupts it. @return 0, with one address at least; or a negative errno.
 */
int lc__addresses_to_listen(const char *host, unsigned port, struct lc__addresses *found);
/* The same to connect to. In a simulation -ECONNREFUSED if nothing has ever listened there. */
int lc__addresses_to_connect(const char *host, unsigned port, struct lc__addresses *found);
/*
 * The address of a path. @return 0; -ENAMETOOLONG; -EINVAL: it is empty; in a simulation -ENOENT,
 * for a connect, if nothing has ever listened there.
 */
int lc__address_of_path(const char *path, bool listen, struct lc__address *address);

#endif
