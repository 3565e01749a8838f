/*
 * Sockets and files as a program may use them, for a process that libxlvs-ipvs.so is loaded into:
 * `probe WHAT` does it and exits 0, or says which line was not as the kernel would have it.
 * Built and run by preload.test.ts. Read next: probe_files.c, probe_ends.c, probe_away.c.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>

/* Waiting, peeking and what is not there yet, on a socket that was never bound. */
static void waiting(void)
{
	int fd = netlink(NETLINK_GENERIC), events = epoll_create1(0), error, id;
	struct pollfd one = {.fd = fd, .events = POLLIN};
	struct epoll_event event = {.events = EPOLLIN};
	char small[16];

	CHECK(epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) == 0);
	CHECK(poll(&one, 1, 0) == 0 && epoll_wait(events, &event, 1, 0) == 0);
	CHECK(answer(fd, &error, MSG_DONTWAIT) == -EAGAIN);
	id = family_id(fd);
	CHECK(id > 1023);
	ask(fd, (uint16_t)id, GET_INFO, 0, NULL);
	CHECK(poll(&one, 1, 0) == 1 && epoll_wait(events, &event, 1, 0) == 1);
	CHECK(recv(fd, small, sizeof(small), MSG_PEEK | MSG_TRUNC) == 36);
	CHECK(answer(fd, &error, MSG_PEEK) == id && answer(fd, &error, 0) == id);
	CHECK(poll(&one, 1, 0) == 0 && epoll_wait(events, &event, 1, 0) == 0);
	ask(fd, (uint16_t)id, 99, NLM_F_ACK, NULL);
	CHECK(answer(fd, &error, 0) == NLMSG_ERROR && error == -EOPNOTSUPP);
	ask(fd, (uint16_t)id, GET_SERVICE, NLM_F_ACK, NULL);
	CHECK(answer(fd, &error, 0) == NLMSG_ERROR && error == -EINVAL);
	ask(fd, (uint16_t)id, GET_SERVICE, NLM_F_DUMP, NULL);
	CHECK(answer(fd, &error, 0) == NLMSG_DONE);
}

ssize_t __recvfrom_chk(int fd, void *bytes, size_t length, size_t room, int flags,
		       struct sockaddr *from, socklen_t *from_length);

/* As one sees it that reads by other functions. */
static void senders(void)
{
	int fd = netlink(NETLINK_GENERIC), id = family_id(fd);
	struct sockaddr_nl from, own;
	struct sockaddr *to = (struct sockaddr *)&from;
	socklen_t length = sizeof(from);
	char bytes[64];

	ask(fd, (uint16_t)id, GET_INFO, 0, NULL);
	from.nl_pid = 1;
	CHECK(recvfrom(fd, bytes, 64, MSG_PEEK, to, &length) == 36 && from.nl_pid == 0);
	from.nl_pid = 1;
	CHECK(__recvfrom_chk(fd, bytes, 64, 64, 0, to, &length) == 36 && from.nl_pid == 0);
	/* There is room for less than the sender, and what is behind that is the program's. */
	CHECK(getsockname(fd, (struct sockaddr *)&own, &length) == 0 && own.nl_pid != 0);
	for (int i = 0; i < 3; i++) {
		struct iovec part = {.iov_base = bytes, .iov_len = 64};
		struct msghdr message = {.msg_name = to, .msg_namelen = 4, .msg_iov = &part};

		message.msg_iovlen = 1;
		length = 4;
		from.nl_pid = own.nl_pid;
		ask(fd, (uint16_t)id, GET_INFO, 0, NULL);
		CHECK((i == 0	? recvfrom(fd, bytes, 64, 0, to, &length)
		       : i == 1 ? __recvfrom_chk(fd, bytes, 64, 64, 0, to, &length)
				: recvmsg(fd, &message, 0)) == 36);
		CHECK(from.nl_pid == own.nl_pid);
	}
}

/* Lengths that no memory has, the sum of which is small. */
static void lengths(void)
{
	int fd = netlink(NETLINK_GENERIC), udp = socket(AF_INET, SOCK_DGRAM, 0), id = family_id(fd);
	char bytes[64] = "";
	struct iovec parts[] = {{.iov_base = bytes, .iov_len = 48},
				{.iov_base = bytes, .iov_len = SIZE_MAX - 8}};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	socklen_t length = (socklen_t)-1;

	CHECK(sendmsg(fd, &message, 0) < 0 && errno == EINVAL);
	CHECK(getsockopt(udp, IPPROTO_IP, OPTION_INFO, bytes, &length) < 0);
	CHECK(setsockopt(udp, IPPROTO_IP, OPTION_INFO, bytes, length) < 0);
	CHECK(strcmp(bytes, "") == 0);
	get_info(fd, id);
}

/* Another family on the same descriptor, in between; and another kind of netlink. */
static void families(void)
{
	int fd = netlink(NETLINK_GENERIC), route = netlink(NETLINK_ROUTE), error,
	    id = family_id(fd);

	for (int i = 0; i < 3; i++) {
		ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK, "nlctrl");
		CHECK(answer(fd, &error, 0) == GENL_ID_CTRL);
		CHECK(answer(fd, &error, 0) == NLMSG_ERROR && error == 0);
		get_info(fd, id);
		ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK, "no such");
		CHECK(answer(fd, &error, 0) == NLMSG_ERROR && error == -ENOENT);
		/* The same number means nothing to rtnetlink. */
		ask(route, (uint16_t)id, GET_INFO, NLM_F_ACK, NULL);
		CHECK(answer(route, &error, 0) == NLMSG_ERROR && error == -EOPNOTSUPP);
	}
}

#define TIMES 50

static void *many(void *unused)
{
	int fd = netlink(NETLINK_GENERIC);

	for (int i = 0; i < TIMES; i++)
		get_info(fd, family_id(fd));
	close(fd);
	return unused;
}

static void children(void)
{
	int status;

	family_id(netlink(NETLINK_GENERIC));
	for (int i = 0; i < 6; i++)
		if (fork() == 0) {
			many(NULL);
			exit(0);
		}
	many(NULL);
	for (int i = 0; i < 6; i++)
		CHECK(wait(&status) > 0 && status == 0);
}

static void threads(void)
{
	pthread_t all[6];

	for (int i = 0; i < 6; i++)
		CHECK(pthread_create(&all[i], NULL, many, NULL) == 0);
	for (int i = 0; i < 6; i++)
		CHECK(pthread_join(all[i], NULL) == 0);
}

/* What counts is where a socket was made, not where its thread is by now. */
static void namespaces(void)
{
	int old = netlink(NETLINK_GENERIC), udp = socket(AF_INET, SOCK_DGRAM, 0), id;

	CHECK(option(udp) == 0 && access("/proc/net/dev", R_OK) == 0);
	CHECK(unshare(CLONE_NEWNET) == 0);
	id = family_id(old);
	CHECK(id > 1023 && option(udp) == 0);
	get_info(old, id);
	CHECK(family_id(netlink(NETLINK_GENERIC)) == -ENOENT);
	CHECK(option(socket(AF_INET, SOCK_DGRAM, 0)) == -ENOPROTOOPT);
	CHECK(open("/proc/net/ip_vs", O_RDONLY) < 0 && errno == ENOENT);
}

/* Datagrams keep their sender; options of other levels and numbers are the kernel's. */
static void others(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	struct sockaddr_in from;
	socklen_t length = sizeof(here);
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0), ttl = 7,
	    pair[2];
	char byte = 0;

	CHECK(bind(a, (struct sockaddr *)&here, length) == 0);
	CHECK(getsockname(a, (struct sockaddr *)&here, &length) == 0);
	CHECK(sendto(b, "x", 1, 0, (struct sockaddr *)&here, length) == 1);
	CHECK(recvfrom(a, &byte, 1, 0, (struct sockaddr *)&from, &length) == 1 && byte == 'x');
	CHECK(from.sin_port != 0 && from.sin_addr.s_addr == here.sin_addr.s_addr);
	CHECK(setsockopt(a, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)) == 0);
	ttl = 0;
	length = sizeof(ttl);
	CHECK(getsockopt(a, IPPROTO_IP, IP_TTL, &ttl, &length) == 0 && ttl == 7);
	CHECK(getsockopt(a, IPPROTO_IP, 1168, &ttl, &length) < 0 && errno == ENOPROTOOPT);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(getsockopt(pair[0], IPPROTO_IP, OPTION_INFO, &ttl, &length) < 0);
	CHECK(send(pair[0], "y", 1, 0) == 1 && recv(pair[1], &byte, 1, 0) == 1 && byte == 'y');
	CHECK(send(99, "y", 1, 0) < 0 && errno == EBADF);
	CHECK(sendmsg(pair[0], NULL, 0) < 0 && errno == EFAULT);
}

/* A program may close what it did not open, and have the number again for something else. */
static void closed(void)
{
	char path[] = "/tmp/xlvs-probe-XXXXXX";
	int fd = netlink(NETLINK_GENERIC), id = family_id(fd), files[16];

	get_info(fd, id);
	for (int i = 3; i < 64; i++)
		close(i);
	files[0] = mkstemp(path);
	for (int i = 1; i < 16; i++)
		files[i] = dup(files[0]);
	fd = netlink(NETLINK_GENERIC);
	get_info(fd, id);
	get_info(fd, id);
	CHECK(lseek(files[0], 0, SEEK_END) == 0 && unlink(path) == 0);
	for (int i = 0; i < 16; i++)
		CHECK(fcntl(files[i], F_GETFD) == 0);
}

/* What it prints to streams that it has closed is for nobody. */
static void streams(void)
{
	int fd = netlink(NETLINK_GENERIC), id = family_id(fd), one;

	for (int i = 0; i < 64; i++)
		if (i != fd)
			close(i);
	get_info(fd, id);
	for (int i = 0; i < 3; i++)
		CHECK(write(i, "x", 1) < 0 && errno == EBADF);
	get_info(fd, id);
	one = open("/dev/null", O_RDONLY);
	CHECK(one == 0);
}

/* xlvsd is where it was said to be when the program was started. */
static void cleared(void)
{
	CHECK(clearenv() == 0);
	ask_once();
}

#define FLOOD 4000

/* What has no room in the queue is done, and the next read says that an answer was lost. */
static int flooded(int fd, uint16_t type, uint8_t command, const char *family)
{
	int error, got = 0, lost = 0, is;

	for (int i = 0; i < FLOOD; i++)
		ask(fd, type, command, NLM_F_ACK, family);
	while ((is = answer(fd, &error, MSG_DONTWAIT)) != -EAGAIN) {
		CHECK(is == -ENOBUFS || is == type || (is == NLMSG_ERROR && error == 0));
		lost += is == -ENOBUFS;
		got += is != -ENOBUFS;
	}
	CHECK(got > 0 && got < FLOOD);
	return lost;
}

static void flood(void)
{
	int fd = netlink(NETLINK_GENERIC), id = family_id(fd);

	CHECK(flooded(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, "nlctrl") == 1);
	CHECK(flooded(fd, (uint16_t)id, GET_INFO, NULL) == 1);
	get_info(fd, id);
}

/* Without an xlvsd, or one that may not be spoken to: the kernel's own answers, which are told. */
static void nobody(void)
{
	CHECK(family_id(netlink(NETLINK_GENERIC)) == -ENOENT);
	CHECK(option(socket(AF_INET, SOCK_DGRAM, 0)) == -ENOPROTOOPT);
	CHECK(open("/proc/net/ip_vs", O_RDONLY) < 0 && errno == ENOENT);
}

static const struct probe SOCKETS[] = {
	{"waiting", waiting},	    {"senders", senders},   {"lengths", lengths},
	{"families", families},	    {"children", children}, {"threads", threads},
	{"namespaces", namespaces}, {"others", others},	    {"closed", closed},
	{"streams", streams},	    {"cleared", cleared},   {"flood", flood},
	{"nobody", nobody},	    {NULL, NULL},
};

static bool found_and_run(const struct probe *probe, const char *name)
{
	for (; probe->name != NULL; probe++)
		if (strcmp(probe->name, name) == 0) {
			probe->run();
			return true;
		}
	return false;
}

int main(int count, char **words)
{
	const struct probe *all[] = {SOCKETS, FILES, AWAY, ENDS};

	for (size_t i = 0; count == 2 && i < sizeof(all) / sizeof(all[0]); i++)
		if (found_and_run(all[i], words[1]))
			return 0;
	printf("no such probe\n");
	return 2;
}
