/*
 * What a program finds whose xlvsd goes away once it has answered it some questions, as the server
 * of preload.test.ts does, which is told how many. Read next: probe.c.
 */
#include "probe.h"

#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* What is answered to a question by a socket that has the family. */
static int told(int fd, int id)
{
	int error, type;

	ask(fd, (uint16_t)id, GET_INFO, NLM_F_ACK, NULL);
	type = answer(fd, &error, 0);
	if (type == id)
		CHECK(answer(fd, &error, 0) == NLMSG_ERROR);
	return error;
}

static int opened(void)
{
	return open("/proc/net/ip_vs", O_RDONLY) < 0 ? -errno : 0;
}

static int streamed(void)
{
	return fopen("/proc/net/ip_vs", "r") == NULL ? -errno : 0;
}

static void elsewhere(void)
{
	CHECK(unshare(CLONE_NEWNET) == 0);
	CHECK(family_id(netlink(NETLINK_GENERIC)) == -ENOENT);
	CHECK(option(socket(AF_INET, SOCK_DGRAM, 0)) == -ENOPROTOOPT);
	CHECK(opened() == -ENOENT && streamed() == -ENOENT);
}

/* After two answers, for good: an error, by whatever way; but what is not xlvsd's is the kernel's.
 */
static void away(void)
{
	int fd = netlink(NETLINK_GENERIC), id = family_id(fd);

	CHECK(told(fd, id) == 0);
	CHECK(told(fd, id) == -EAGAIN && told(fd, id) == -EAGAIN);
	CHECK(option(socket(AF_INET, SOCK_DGRAM, 0)) == -EAGAIN);
	CHECK(opened() == -EAGAIN && streamed() == -EAGAIN);
	elsewhere();
}

/* The number of the system call that a process is in; -1: none. */
static int call_of(pid_t process)
{
	char path[64];
	int number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", process);
	file = fopen(path, "r");
	CHECK(file != NULL);
	if (fscanf(file, "%d", &number) != 1)
		number = -1;
	fclose(file);
	return number;
}

/* Another xlvsd is ready beside the place: a child puts it there once this process waits for it. */
static void bring_back_when_waiting(void)
{
	const char *path = getenv("XLVS_IPVS_SOCKET");
	pid_t own = getpid();
	char ready[256];

	if (fork() != 0)
		return;
	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	snprintf(ready, sizeof(ready), "%s.ready", path);
	while (call_of(own) != SYS_nanosleep)
		sched_yield();
	CHECK(rename(ready, path) == 0);
	_exit(0);
}

/* After two answers, and then it comes back. */
static void back(void)
{
	int fd = netlink(NETLINK_GENERIC), id = family_id(fd);

	bring_back_when_waiting();
	CHECK(told(fd, id) == 0 && told(fd, id) == 0);
}

static void file_back(void)
{
	bring_back_when_waiting();
	CHECK(opened() == 0 && opened() == 0 && opened() == 0);
}

/* After two answers, for as long as it may be: sync daemons are not waited for. */
static void hurried(void)
{
	int fd = netlink(NETLINK_GENERIC), id = family_id(fd), error;
	char daemon[24] = {0};

	CHECK(told(fd, id) == 0);
	for (int command = 9; command <= 10; command++) {
		ask(fd, (uint16_t)id, (uint8_t)command, NLM_F_ACK, NULL);
		CHECK(answer(fd, &error, 0) == NLMSG_ERROR && error == -EAGAIN);
	}
	for (int number = 1163; number <= 1164; number++) {
		int sock = socket(AF_INET, SOCK_DGRAM, 0);

		CHECK(setsockopt(sock, IPPROTO_IP, number, daemon, sizeof(daemon)) < 0);
		CHECK(errno == EAGAIN);
	}
}

/* After three answers, the last of which is that all is on disk: asked where the process is now,
 * it says nothing of where xlvsd is. */
static void moved(void)
{
	int fd = netlink(NETLINK_GENERIC), id = family_id(fd), status;

	CHECK(unshare(CLONE_NEWNET) == 0);
	CHECK(told(fd, id) == 0);
	if (fork() == 0)
		_exit(0);
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(told(fd, id) == -EAGAIN);
	elsewhere();
}

const struct probe AWAY[] = {
	{"away", away},	  {"back", back},	{"file back", file_back},
	{"moved", moved}, {"hurried", hurried}, {NULL, NULL},
};
