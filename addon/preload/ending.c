/*
 * xlvsd answers a change when it is in force and written, which outlives xlvsd but not a power cut;
 * it is on disk some milliseconds later. A program acknowledges by its exit status: before it ends,
 * forks or becomes another program, xlvsd is asked once whether all is on disk.
 * Read next: exchange.c.
 */
#include "ending.h"
#include "exchange.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Without an xlvsd nobody can be asked; what is older than this the kernel has written out. */
#define OLD_NS 60000000000ll

/* The process that has had something to wait for; children have not done what their parent did. */
static _Atomic pid_t unsettled;
static _Atomic long long since;
/* How often there was something, and how much of that is on disk: threads go on while one asks. */
static _Atomic unsigned long noted, settled;

void note_unsettled(void)
{
	unsettled = getpid();
	since = now_ns();
	noted++;
}

/* Returns 0 or an errno. */
static int settle(void)
{
	struct question question = {.kind = KIND_SETTLE};
	struct answer answer = {0};
	unsigned long before = noted;
	int error;

	if (unsettled != getpid() || settled == before)
		return 0;
	error = ask(-1, &question, NULL, &answer);
	if (error == 0)
		error = answer.result;
	forget(&answer);
	if (error == ENOENT && now_ns() - since > OLD_NS)
		error = 0;
	if (error == 0)
		settled = before;
	return error;
}

int settled_status(int status)
{
	int before = errno, error = settle();
	char text[256];

	errno = before;
	if (error == 0)
		return status;
	snprintf(text, sizeof(text),
		 "xlvs: what this program changed is in force, but may not be on disk: %s\n",
		 error == ENOENT ? "xlvsd is not there" : strerrordesc_np(error));
	syscall(SYS_write, STDERR_FILENO, text, strlen(text));
	/* Of which eight bits are told. */
	return (status & 0xff) == 0 ? 1 : status;
}

/* The very last of them, as it was the first to be registered. */
static void at_exit(int status, void *unused)
{
	int now = settled_status(status);

	(void)unused;
	if (now == status)
		return;
	fflush(NULL);
	syscall(SYS_exit_group, now);
}

static void before_quick_exit(void)
{
	if (settled_status(0) != 0)
		syscall(SYS_exit_group, 1);
}

/* Which of the two will be asked for its status is not known: it is said, at least. */
static void at_fork(void)
{
	settled_status(0);
}

__attribute__((constructor)) static void prepare(void)
{
	on_exit(at_exit, NULL);
	at_quick_exit(before_quick_exit);
	pthread_atfork(at_fork, NULL, NULL);
}
