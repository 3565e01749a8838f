/*
 * Sockets and files as a program may use them, for a process that libxlvs-ipvs.so is loaded into:
 * `probe WHAT` does it and exits 0, or says which line was not as the kernel would have it.
 * Built and run by preload.test.ts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(is)                                                                                  \
	do {                                                                                       \
		if (!(is)) {                                                                       \
			printf("line %d: %s, errno %d\n", __LINE__, #is, errno);                   \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define GET_SERVICE 4
#define GET_INFO    15
#define OPTION_INFO 1153

struct request {
	struct nlmsghdr header;
	struct genlmsghdr command;
	char attributes[64];
};

static int netlink(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	CHECK(fd >= 0);
	return fd;
}

static void ask(int fd, uint16_t type, uint8_t command, uint16_t flags, const char *family)
{
	static uint32_t seq = 100;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct request request = {
		.header = {.nlmsg_type = type,
			   .nlmsg_flags = NLM_F_REQUEST | flags,
			   .nlmsg_seq = __atomic_add_fetch(&seq, 1, __ATOMIC_RELAXED),
			   .nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN},
		.command = {.cmd = command, .version = 1},
	};
	struct nlattr name = {.nla_type = CTRL_ATTR_FAMILY_NAME};
	struct iovec part = {.iov_base = &request};
	struct msghdr message = {.msg_name = &kernel,
				 .msg_namelen = sizeof(kernel),
				 .msg_iov = &part,
				 .msg_iovlen = 1};

	if (family != NULL) {
		name.nla_len = NLA_HDRLEN + strlen(family) + 1;
		memcpy(request.attributes, &name, sizeof(name));
		strcpy(request.attributes + NLA_HDRLEN, family);
		request.header.nlmsg_len += NLA_ALIGN(name.nla_len);
	}
	part.iov_len = request.header.nlmsg_len;
	CHECK(sendmsg(fd, &message, 0) == (ssize_t)part.iov_len);
}

/* The next message's type; its error, if it is one; and that it seems to come from the kernel. */
static int answer(int fd, int *error, int flags)
{
	char bytes[8192];
	struct sockaddr_nl from;
	struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
	struct nlmsghdr header;
	ssize_t got = recvmsg(fd, &message, flags);

	if (got < 0)
		return -errno;
	CHECK(got >= (ssize_t)sizeof(header) && from.nl_pid == 0);
	memcpy(&header, bytes, sizeof(header));
	*error = 0;
	if (header.nlmsg_type == NLMSG_ERROR)
		memcpy(error, bytes + NLMSG_HDRLEN, sizeof(*error));
	return header.nlmsg_type;
}

/* The id that IPVS has here; -ENOENT: it has none. */
static int family_id(int fd)
{
	char bytes[8192];
	int16_t id;
	int error;

	ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK, "IPVS");
	CHECK(recv(fd, bytes, sizeof(bytes), MSG_PEEK) > 0);
	if (answer(fd, &error, 0) == NLMSG_ERROR)
		return error;
	/* The name's attribute comes first, then the id's. */
	memcpy(&id, bytes + NLMSG_HDRLEN + GENL_HDRLEN + NLA_ALIGN(NLA_HDRLEN + 5) + NLA_HDRLEN, 2);
	CHECK(answer(fd, &error, 0) == NLMSG_ERROR && error == 0);
	return id;
}

static void get_info(int fd, int id)
{
	int error;

	ask(fd, (uint16_t)id, GET_INFO, NLM_F_ACK, NULL);
	CHECK(answer(fd, &error, 0) == id);
	CHECK(answer(fd, &error, 0) == NLMSG_ERROR && error == 0);
}

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

static int option(int fd)
{
	uint32_t info[3] = {0};
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_IP, OPTION_INFO, info, &length) < 0)
		return -errno;
	CHECK(length == sizeof(info) && info[0] == 0x010201);
	return 0;
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

static void files(void)
{
	char line[64] = "";
	int fd = open("/proc/net/ip_vs", O_RDONLY | O_CLOEXEC);
	FILE *file = fopen("/proc/net/ip_vs_conn", "r");

	CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) && lseek(fd, 0, SEEK_CUR) == 0);
	CHECK(read(fd, line, 17) == 17 && strcmp(line, "IP Virtual Server") == 0);
	CHECK(file != NULL && fgets(line, sizeof(line), file) && strncmp(line, "Pro ", 4) == 0);
	CHECK(openat(AT_FDCWD, "/proc/net/ip_vs_stats", O_RDONLY) >= 0);
	CHECK(open("/proc/net/ip_vs_none", O_RDONLY) < 0 && errno == ENOENT);
	CHECK(open("/proc/net/ip_vs", O_WRONLY) < 0 && fopen("/proc/net/ip_vs", "w") == NULL);
	CHECK(open("/proc/net/dev", O_RDONLY) >= 0);
	fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	CHECK(fd < 0 || write(fd, "x", 1) == 1);
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

static void ask_once(void)
{
	int fd = netlink(NETLINK_GENERIC);

	get_info(fd, family_id(fd));
}

/* Ways to end, for one who has asked for something. */
static void by_return(void)
{
	ask_once();
	printf("said");
}

static void by_exit(void)
{
	ask_once();
	printf("said");
	exit(0);
}

static void by__exit(void)
{
	ask_once();
	_exit(0);
}

static void by_quick_exit(void)
{
	ask_once();
	quick_exit(0);
}

static void by_failure(void)
{
	ask_once();
	exit(7);
}

/* The child has asked, its parent has not. */
static void by_child(void)
{
	int status;

	if (fork() == 0)
		by__exit();
	CHECK(wait(&status) > 0 && WIFEXITED(status));
	exit(WEXITSTATUS(status));
}

/* The parent has asked, and its child has nothing to wait for; nor has it itself after the fork. */
static void by_parent(void)
{
	int status;

	ask_once();
	if (fork() == 0)
		_exit(0);
	CHECK(wait(&status) > 0 && status == 0);
}

static void *asks(void *unused)
{
	ask_once();
	return unused;
}

static void by_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, asks, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

/* Who is interrupted may be in malloc, which is not for handlers. */
static volatile sig_atomic_t is_handling;

void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	if (is_handling)
		_Exit(3);
	return __libc_malloc(size);
}

static void end(int signal)
{
	(void)signal;
	is_handling = 1;
	_exit(0);
}

static void by_signal(void)
{
	ask_once();
	signal(SIGUSR1, end);
	raise(SIGUSR1);
}

static _Atomic int is_forking;

static void before_fork(void)
{
	is_forking = 1;
}

static char state_of(pid_t thread)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	file = fopen(path, "r");
	CHECK(file != NULL && fscanf(file, "%*d %*s %c", &state) == 1);
	fclose(file);
	return state;
}

/* Once the other waits for the disk. */
static void *asks_meanwhile(void *other)
{
	while (!is_forking || state_of(*(pid_t *)other) != 'S')
		sched_yield();
	ask_once();
	return NULL;
}

/* A thread asks while another, which is to fork, waits for the disk. */
static void by_both(void)
{
	pid_t own = getpid();
	pthread_t thread;
	int status;

	/* Of those that are called before a fork, the last to be registered is the first. */
	pthread_atfork(before_fork, NULL, NULL);
	ask_once();
	CHECK(pthread_create(&thread, NULL, asks_meanwhile, &own) == 0);
	if (fork() == 0)
		_exit(0);
	CHECK(wait(&status) > 0 && status == 0 && pthread_join(thread, NULL) == 0);
}

/* Without an xlvsd, or one that may not be spoken to: the kernel's own answers, which are told. */
static void nobody(void)
{
	CHECK(family_id(netlink(NETLINK_GENERIC)) == -ENOENT);
	CHECK(option(socket(AF_INET, SOCK_DGRAM, 0)) == -ENOPROTOOPT);
	CHECK(open("/proc/net/ip_vs", O_RDONLY) < 0 && errno == ENOENT);
}

int main(int count, char **words)
{
	const struct {
		const char *name;
		void (*run)(void);
	} all[] = {
		{"waiting", waiting},  {"families", families},	{"children", children},
		{"threads", threads},  {"others", others},	{"namespaces", namespaces},
		{"files", files},      {"nobody", nobody},	{"closed", closed},
		{"flood", flood},      {"return", by_return},	{"exit", by_exit},
		{"_exit", by__exit},   {"failure", by_failure}, {"child", by_child},
		{"parent", by_parent}, {"thread", by_thread},	{"quick_exit", by_quick_exit},
		{"signal", by_signal}, {"both", by_both},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (count == 2 && strcmp(words[1], all[i].name) == 0) {
			all[i].run();
			return 0;
		}
	printf("no such probe\n");
	return 2;
}
