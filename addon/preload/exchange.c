/*
 * Questions to xlvsd and their answers. Each thread of each process has a connection of its own, or
 * they would mix theirs up; it is made with the first question, and anew when it is no longer what
 * it was. Read next: hooks.c, ending.c (what is asked last).
 */
#include "exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAGIC	       0x31564c58 /* XLV1 */
#define SOCKET_DEFAULT "/run/xlvs/xlvs-ipvs.sock"
/* As long as the commands of xlvs wait for an answer. */
#define PATIENCE_S 30
/*
 * For xlvsd to be back where it has answered before. What keepalived is refused meanwhile it does
 * not try again: a quorum that comes back would leave the sorry server in its place. A test has not
 * so much time.
 */
#ifndef BACK_S
#define BACK_S 600
#endif
/* More than the largest table of services; whatever says more than that is not xlvsd. */
#define ANSWER_MAX (256u << 20)
/* Most answers are read at once. */
#define READ_AHEAD 2048
/* xlvsd has not looked at the question, and the connection is no more: it may be asked again. */
#define NOT_ASKED (-1)
#define TRIES	  3
/* How often it is looked for where it is being started again. */
#define LOOK_NS 50000000l

/* Source: include/uapi/linux/ip_vs.h (v6.12). */
#define CMD_NEW_DAEMON	 9
#define CMD_DEL_DAEMON	 10
#define SET_START_DAEMON 1163
#define SET_STOP_DAEMON	 1164

/* What tells whether a connection is still ours: the program may have closed it, or become another.
 */
struct way {
	int fd;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	ino_t ino;
	bool busy; /* a signal's handler may ask while its thread does */
};

static __thread struct way own = {.fd = -1};
/* The network namespace in which xlvsd has answered this process, or its parent, last; 0: none.
 * Without it, it is being started again. */
static _Atomic uint64_t known_netns;
/* It has been waited for in vain. */
static _Atomic bool is_lost;
static pthread_key_t at_thread_end;
static bool has_key; /* libraries that begin before this one may ask already */

long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* The kernel's number of a socket's network namespace, which no later one gets; 0: not known. */
static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

/* What was last found out, by that number. */
static __thread struct {
	uint64_t cookie;
	uint64_t dev;
	uint64_t ino;
	bool busy; /* a signal's handler may look while its thread writes */
} netns;

/* A handler that comes between leaves another number. */
static bool recall_netns(uint64_t cookie, struct question *question)
{
	if (cookie == 0 || netns.cookie != cookie)
		return false;
	question->netns_dev = netns.dev;
	question->netns_ino = netns.ino;
	atomic_signal_fence(memory_order_seq_cst);
	return netns.cookie == cookie;
}

static void remember_netns(uint64_t cookie, const struct question *question)
{
	if (netns.busy)
		return;
	netns.busy = true;
	netns.cookie = 0;
	atomic_signal_fence(memory_order_seq_cst);
	netns.dev = question->netns_dev;
	netns.ino = question->netns_ino;
	atomic_signal_fence(memory_order_seq_cst);
	netns.cookie = cookie;
	netns.busy = false;
}

void find_netns(int fd, struct question *question)
{
	uint64_t cookie = fd < 0 ? 0 : cookie_of(fd);
	struct stat found;
	const char *path;
	int own, known;

	if (recall_netns(cookie, question))
		return;
	own = fd < 0 ? -1 : ioctl(fd, SIOCGSKNS);
	/* Where it is about no socket it is about /proc/net, which is of self, not of a thread. */
	path = fd < 0 ? "/proc/self/ns/net" : "/proc/thread-self/ns/net";
	known = own >= 0 ? fstat(own, &found) : stat(path, &found);
	question->netns_dev = known == 0 ? found.st_dev : 0;
	question->netns_ino = known == 0 ? found.st_ino : 0;
	if (own < 0)
		return;
	syscall(SYS_close, own); /* which is no point of cancellation */
	if (known == 0)
		remember_netns(cookie, question);
}

/* The path of xlvsd's socket; empty: not found yet, or too long to be that of a socket. */
static char socket_path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

/*
 * At the beginning: programs clear their environment, and getenv() is not for handlers. Who runs a
 * program with more rights than his own has no say in whom it believes (/etc/ld.so.preload).
 */
static void find_socket(void)
{
	const char *path = secure_getenv("XLVS_IPVS_SOCKET");

	if (path == NULL || *path == '\0')
		path = SOCKET_DEFAULT;
	if (strlen(path) < sizeof(socket_path))
		strcpy(socket_path, path);
}

/*
 * What is printed to a stream that is closed would be a question, so that 0 to 2 are not for us.
 * Returns a descriptor, or minus an errno.
 */
static int unconnected(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), higher, error;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	error = errno;
	close(fd);
	return higher < 0 ? -error : higher;
}

/* Returns a descriptor, or minus an errno. */
static int connected(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	/* Libraries that begin before this one may ask already. */
	if (*socket_path == '\0')
		find_socket();
	if (*socket_path == '\0')
		return -ENOENT;
	strcpy(address.sun_path, socket_path);
	fd = unconnected();
	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		if (error == EINTR)
			continue;
		close(fd);
		if (error == ECONNREFUSED || error == ENOTDIR)
			return -ENOENT;
		if (error == EAGAIN)
			return -ETIMEDOUT;
		return error == EACCES ? -EPERM : -error;
	}
	return fd;
}

/* Whether the descriptor is still the socket that it was; the program may have closed everything.
 */
static bool is_there(const struct way *way)
{
	struct stat found;

	return way->fd >= 0 && fstat(way->fd, &found) == 0 && S_ISSOCK(found.st_mode) &&
	       found.st_ino == way->ino;
}

static void leave(struct way *way)
{
	if (is_there(way))
		close(way->fd);
	way->fd = -1;
}

static void leave_own(void *unused)
{
	(void)unused;
	leave(&own);
}

/* A child has copies of its parent's descriptors, and makes connections of its own. */
static void leave_parents(void)
{
	leave(&own);
	own.busy = false;
}

__attribute__((constructor)) static void prepare(void)
{
	find_socket();
	has_key = pthread_key_create(&at_thread_end, leave_own) == 0;
	pthread_atfork(NULL, NULL, leave_parents);
}

/* Rights are those of who connects, so nobody keeps those that it has given up; but to be told of
 * the disk needs none. */
static bool is_own(const struct way *way, uint32_t kind)
{
	bool same = way->uid == geteuid() && way->gid == getegid();

	return way->pid == getpid() && (same || kind == KIND_SETTLE) && is_there(way);
}

/* Returns 0 or an errno. */
static int open_way(struct way *way)
{
	struct stat found;
	int fd = connected();

	if (fd < 0)
		return -fd;
	fstat(fd, &found);
	*way = (struct way){fd, getpid(), geteuid(), getegid(), found.st_ino, true};
	return 0;
}

/* Does not come by hooks.c. All below return 0, an errno or
 * NOT_ASKED. */
static int send_all(int fd, struct iovec *parts, size_t count)
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};

	while (message.msg_iovlen > 0) {
		ssize_t sent = syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return NOT_ASKED;
		if (sent < 0)
			return errno == EAGAIN ? ETIMEDOUT : errno;
		while (message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len) {
			sent -= (ssize_t)message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen > 0) {
			message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
			message.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

/* From `least` bytes on to `most`; `length` is what has come. */
static int receive(int fd, void *bytes, size_t least, size_t most, size_t *length)
{
	*length = 0;
	while (*length < least) {
		ssize_t got = syscall(SYS_recvfrom, fd, (char *)bytes + *length, most - *length, 0,
				      NULL, NULL);

		if (got < 0 && errno == EINTR)
			continue;
		/* Whoever hangs up on what it has not read resets the connection. */
		if (got < 0 && errno == ECONNRESET && *length == 0)
			return NOT_ASKED;
		if (got < 0)
			return errno == EAGAIN ? ETIMEDOUT : errno;
		if (got == 0)
			return ECONNRESET;
		*length += (size_t)got;
	}
	return 0;
}

void forget(struct answer *answer)
{
	if (answer->bytes != answer->few)
		free(answer->bytes);
	answer->bytes = NULL;
}

/* `over`: who has answered has hung up, too. */
static int receive_answer(int fd, struct answer *answer, bool *over)
{
	unsigned char first[READ_AHEAD];
	struct reply reply;
	size_t length, more;
	int error = receive(fd, first, sizeof(reply), sizeof(first), &length);

	if (error != 0)
		return error;
	memcpy(&reply, first, sizeof(reply));
	length -= sizeof(reply);
	if (reply.magic != MAGIC || reply.length > ANSWER_MAX)
		return EPROTO;
	/* What follows an answer is a goodbye. */
	*over = length > reply.length;
	if (*over)
		length = reply.length;
	if (reply.result == GOODBYE)
		return NOT_ASKED;
	answer->result = reply.result;
	answer->room = reply.room;
	answer->length = reply.length;
	answer->bytes = reply.length <= FEW ? answer->few : malloc(reply.length);
	if (answer->bytes == NULL)
		return ENOMEM;
	memcpy(answer->bytes, first + sizeof(reply), length);
	more = reply.length - length;
	error = receive(fd, answer->bytes + length, more, more, &length);
	if (error == 0)
		return 0;
	forget(answer);
	return error == NOT_ASKED ? ECONNRESET : error;
}

static int ask_by(struct way *way, const struct question *question, const void *bytes,
		  struct answer *answer)
{
	struct iovec parts[] = {
		{.iov_base = (void *)question, .iov_len = sizeof(*question)},
		{.iov_base = (void *)bytes, .iov_len = question->length},
	};
	bool over = false;
	int error = send_all(way->fd, parts, question->length > 0 ? 2 : 1);

	if (error == 0)
		error = receive_answer(way->fd, answer, &over);
	/* What comes late would be taken for the answer to the next question. */
	if (error != 0 || over)
		leave(way);
	return error;
}

static int ask_once(const struct question *question, const void *bytes, struct answer *answer)
{
	struct way other = {.fd = -1}, *way = own.busy ? &other : &own;
	int error = 0;

	/* Before it is looked at: a handler that finds it bad would put another in its place. */
	way->busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	if (way == &own && !is_own(way, question->kind)) {
		leave(way);
		error = open_way(way);
		if (has_key)
			pthread_setspecific(at_thread_end, way);
	} else if (way == &other)
		error = open_way(way);
	if (error == 0)
		error = ask_by(way, question, bytes, answer);
	atomic_signal_fence(memory_order_seq_cst);
	way->busy = false;
	if (way == &other)
		leave(way);
	return error;
}

static int ask_now(const struct question *question, const void *bytes, struct answer *answer)
{
	int error = NOT_ASKED;

	for (int i = 0; i < TRIES && error == NOT_ASKED; i++)
		error = ask_once(question, bytes, answer);
	return error == NOT_ASKED ? ECONNRESET : error;
}

/* VRRP starts and stops sync daemons as it changes its state, and must not stand still there. */
static bool is_of_daemons(const struct question *question, const void *bytes)
{
	struct genlmsghdr command;

	if (question->kind == KIND_SET)
		return question->number == SET_START_DAEMON || question->number == SET_STOP_DAEMON;
	if (question->kind != KIND_NETLINK || question->length < NLMSG_HDRLEN + GENL_HDRLEN)
		return false;
	memcpy(&command, (const char *)bytes + NLMSG_HDRLEN, sizeof(command));
	return command.cmd == CMD_NEW_DAEMON || command.cmd == CMD_DEL_DAEMON;
}

/*
 * A program that works with xlvsd waits while that is started again: "no IPVS" would lead it to
 * the kernel's own, and what it removes would be taken for removed. Gives ENOENT to others only.
 */
static int ask_patiently(const struct question *question, const void *bytes, struct answer *answer)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	bool is_known = known_netns != 0 && known_netns == question->netns_ino;
	bool is_hurried = is_of_daemons(question, bytes);
	long long until = is_hurried ? 0 : now_ns() + BACK_S * 1000000000ll;
	int error = ask_now(question, bytes, answer);

	while (error == ENOENT && is_known && !is_lost && now_ns() < until) {
		syscall(SYS_nanosleep, &pause, NULL);
		error = ask_now(question, bytes, answer);
	}
	if (error != ENOENT)
		is_lost = false;
	else if (is_known) {
		is_lost = is_lost || !is_hurried;
		error = EAGAIN;
	}
	return error;
}

int ask(int fd, struct question *question, const void *bytes, struct answer *answer)
{
	int error, before;

	answer->bytes = NULL;
	question->magic = MAGIC;
	question->pad = 0;
	/* connect() and close() are points of cancellation; _exit() and fork() must be none. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	find_netns(fd, question);
	/* Who ends waits for nobody. */
	error = question->kind == KIND_SETTLE ? ask_now(question, bytes, answer)
					      : ask_patiently(question, bytes, answer);
	pthread_setcancelstate(before, NULL);
	if (error != 0)
		return error;
	if (answer->result == NOT_MINE) {
		forget(answer);
		return ENOENT;
	}
	/* The other it answers wherever the process may have gone to. */
	if (question->kind != KIND_SETTLE)
		known_netns = question->netns_ino;
	return 0;
}
