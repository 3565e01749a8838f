/*
 * For LD_PRELOAD: there is no netlink, so that ipvsadm asks the kernel by socket options. Built and
 * taken into the guest by record.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol)
{
	int (*next)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");

	if (domain != AF_NETLINK)
		return next(domain, type, protocol);
	errno = EAFNOSUPPORT;
	return -1;
}
