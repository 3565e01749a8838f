/*
 * Datagrams of generic netlink that are for IPVS, and their answers. Read next: netlink.c.
 */
#ifndef XLVS_PRELOAD_NETLINK_H
#define XLVS_PRELOAD_NETLINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Whether a descriptor is a socket of generic netlink; its port id, 0 while it has none. */
bool is_generic_netlink(int fd, uint32_t *port);

/*
 * Whether what `message` sends by such a socket is for IPVS and has been taken; its answers, if
 * any, can be read from `fd` then. False: it is for the kernel. `error` is what sending ends with.
 */
bool take_message(int fd, uint32_t port, const struct msghdr *message, ssize_t *sent, int *error);

/* What we put into a socket's own queue looks as if the kernel had. */
void hide_sender(int fd, void *address, socklen_t length);

#endif
