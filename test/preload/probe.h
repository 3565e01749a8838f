/*
 * What the parts of the probe have in common: questions to IPVS, and how it is said that something
 * was not as the kernel would have it. Read next: probe.c.
 */
#ifndef XLVS_PRELOAD_PROBE_H
#define XLVS_PRELOAD_PROBE_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(is)                                                                                  \
	do {                                                                                       \
		if (!(is)) {                                                                       \
			printf("%s:%d: %s, errno %d\n", __FILE_NAME__, __LINE__, #is, errno);      \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define GET_SERVICE 4
#define GET_INFO    15
#define OPTION_INFO 1153

/* One thing that a program may do. */
struct probe {
	const char *name; /* NULL: there are no more */
	void (*run)(void);
};

extern const struct probe ENDS[], FILES[], AWAY[];

int netlink(int protocol);
void ask(int fd, uint16_t type, uint8_t command, uint16_t flags, const char *family);
/* The next message's type; its error, if it is one; and that it seems to come from the kernel. */
int answer(int fd, int *error, int flags);
/* The id that IPVS has here; -ENOENT: it has none. */
int family_id(int fd);
void get_info(int fd, int id);
/* 0, or minus an errno. */
int option(int fd);
/* By a socket that is left open. */
void ask_once(void);

#endif
