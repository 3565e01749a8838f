/*
 * What the library and xlvsd say to each other: a question, its answer, the next question, on a
 * unix socket of this machine, so that numbers are in its own byte order. The other end of it is
 * control/daemon/ipvs_frames.ts. Read next: hooks.c.
 */
#ifndef XLVS_PRELOAD_EXCHANGE_H
#define XLVS_PRELOAD_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kind {
	KIND_NETLINK = 1, /* number: the socket's port id; bytes: a datagram as it was sent */
	KIND_GET = 2,	  /* number: the option; room, bytes: the value's length, beginning */
	KIND_SET = 3,	  /* the same */
	KIND_FILE = 4,	  /* bytes: the name of a file in /proc/net */
	KIND_SETTLE = 5,  /* answered when all that was answered before is on disk */
};

/* Bytes of an option's value that travel with a question: the longest structure has 104. */
#define VALUE_MAX 128

struct question {
	uint32_t magic;
	uint32_t kind;
	uint64_t netns_dev; /* of the socket's network namespace; 0: not known */
	uint64_t netns_ino;
	uint32_t number;
	uint32_t room;
	uint32_t length; /* of the bytes that follow */
	uint32_t pad;
};

struct reply {
	uint32_t magic;
	int32_t result;	 /* 0, an errno, or NOT_MINE */
	uint32_t length; /* of the bytes that follow */
	/* KIND_GET: what the length of the value becomes. KIND_NETLINK, KIND_SET: not 0 while
	 * changes that were answered are not on disk. */
	uint32_t room;
};

/* The socket is of a network namespace that xlvsd has nothing to do with. */
#define NOT_MINE (-1)
/* xlvsd hangs up and has not looked at whatever question may be under way. */
#define GOODBYE (-2)

/* Bytes of an answer that need no malloc: who ends in a signal's handler must do without. */
#define FEW 64

struct answer {
	int32_t result;
	uint32_t room;
	uint32_t length;
	unsigned char *bytes; /* NULL: nobody has answered */
	unsigned char few[FEW];
};

/* Gives back what an answer's bytes take. */
void forget(struct answer *answer);

/* Of a clock that does not jump. */
long long now_ns(void);

/* The namespace of a socket may be another than the thread's, which may have moved on. */
void find_netns(int fd, struct question *question);

/*
 * Asks xlvsd. `fd` is the socket that it is about, or -1: the process itself.
 * Returns 0, or an errno: ENOENT when there is no xlvsd for it, EPERM when its socket is not for
 * us.
 */
int ask(int fd, struct question *question, const void *bytes, struct answer *answer);

#endif
