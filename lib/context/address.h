/*
 * address.h (internal): from a host and a port, or a path, to the addresses to listen on or connect
 * to; in a simulation, to the addresses that stand for them there. Floor 3, for socket.c.
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
    const char *reason; /* why there are none, if strerror does not tell; NULL: it does */
};

/* The number that a text is. @return 0 to 65535; -EINVAL. */
int lc__address_port(const char *text);
/* Whether finding the addresses asks the resolver, which may take long. */
bool lc__address_is_name(const char *host);
/*
 * Where to listen. `host` NULL: everywhere. May wait for the resolver, and is not interrupted.
 * @return 0, with one address at least; or a negative errno.
 */
int lc__addresses_to_listen(const char *host, unsigned port, struct lc__addresses *found);
/* Where to connect to; as above. In a simulation -ECONNREFUSED where nothing has ever listened. */
int lc__addresses_to_connect(const char *host, unsigned port, struct lc__addresses *found);
/*
 * The same of a path. @return 0; -ENAMETOOLONG; -EINVAL (empty); in a simulation -ENOENT, if it is
 * to be connected to and nothing has ever listened there.
 */
int lc__address_of_path(const char *path, bool listen, struct lc__address *address);

#endif
