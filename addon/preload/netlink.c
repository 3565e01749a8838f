/*
 * The program keeps its own netlink socket. A message to IPVS goes to xlvsd; the datagrams that
 * come back are put into the socket's own queue, by a unicast to itself, so that waiting, peeking
 * and reading are the kernel's. That needs CAP_NET_ADMIN, as IPVS does. Read next: exchange.c.
 */
#include "netlink.h"
#include "ending.h"
#include "exchange.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Above the largest id that the kernel gives to a family, 1023 (GENL_MAX_ID). */
#define FAMILY_ID   0x4956
#define FAMILY_NAME "IPVS"
/* A question about a family is a name and headers; the kernel's own limit of a message is larger.
 */
#define MESSAGE_MAX 65536u
/* Where the queue may be too small for all answers at once: what libnl asks for. */
#define QUEUE_SMALL 16384u
/* Of a datagram in the queue, besides its bytes, which may count double. */
#define DATAGRAM_COST 1024u
/* For so long who has found the family need not ask for it again. */
#define FAMILY_NS  1000000000ll
#define FAMILY_MAX 1024u

/* What xlvsd last told this thread of the family, for programs that ask before each message. */
static __thread struct {
	long long until;
	uint64_t netns_ino;
	uint16_t flags;
	uint32_t length;
	unsigned char bytes[FAMILY_MAX];
} family;

static int option(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

/* Whether a descriptor is a socket of netlink, of whatever protocol. */
static bool is_netlink(int fd, uint32_t *port)
{
	struct sockaddr_nl own = {0};
	socklen_t length = sizeof(own);

	if (getsockname(fd, (struct sockaddr *)&own, &length) < 0 || own.nl_family != AF_NETLINK)
		return false;
	*port = own.nl_pid;
	return true;
}

bool is_generic_netlink(int fd, uint32_t *port)
{
	return is_netlink(fd, port) && option(fd, SO_PROTOCOL) == NETLINK_GENERIC;
}

static bool to_kernel(const struct msghdr *message)
{
	const struct sockaddr_nl *to = message->msg_name;

	if (to == NULL || message->msg_namelen == 0)
		return true;
	return message->msg_namelen >= sizeof(*to) && to->nl_pid == 0 && to->nl_groups == 0;
}

/* Other families' messages are not copied. Where the header is in pieces nobody knows yet. */
static bool may_be_ours(const struct msghdr *message)
{
	struct nlmsghdr header;

	if (message->msg_iovlen == 0 || message->msg_iov[0].iov_len < sizeof(header))
		return true;
	memcpy(&header, message->msg_iov[0].iov_base, sizeof(header));
	return header.nlmsg_type == GENL_ID_CTRL || header.nlmsg_type == FAMILY_ID;
}

/* The bytes in one piece, of malloc; NULL: there are none, or too many for us. */
static unsigned char *joined(const struct msghdr *message, uint32_t *length)
{
	unsigned char *bytes;
	size_t sum = 0, at = 0;

	for (size_t i = 0; i < message->msg_iovlen; i++) {
		if (message->msg_iov[i].iov_len > MESSAGE_MAX - sum)
			return NULL;
		sum += message->msg_iov[i].iov_len;
	}
	if (sum < sizeof(struct nlmsghdr))
		return NULL;
	bytes = malloc(sum);
	for (size_t i = 0; bytes != NULL && i < message->msg_iovlen; i++) {
		memcpy(bytes + at, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
		at += message->msg_iov[i].iov_len;
	}
	*length = (uint32_t)sum;
	return bytes;
}

/* Whether it asks for the family, by name or by the number that we gave it. */
static bool asks_family(const unsigned char *bytes, uint32_t length)
{
	struct nlmsghdr header;
	struct genlmsghdr command;
	uint32_t at = NLMSG_HDRLEN + GENL_HDRLEN;
	struct nlattr attribute;

	memcpy(&header, bytes, sizeof(header));
	if (header.nlmsg_type != GENL_ID_CTRL || length < at || (header.nlmsg_flags & NLM_F_ROOT))
		return false;
	memcpy(&command, bytes + NLMSG_HDRLEN, sizeof(command));
	if (command.cmd != CTRL_CMD_GETFAMILY)
		return false;
	for (; at + NLA_HDRLEN <= length; at += (uint32_t)NLA_ALIGN(attribute.nla_len)) {
		const unsigned char *value = bytes + at + NLA_HDRLEN;
		uint16_t number;

		memcpy(&attribute, bytes + at, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > length - at)
			return false;
		if (attribute.nla_type == CTRL_ATTR_FAMILY_NAME &&
		    attribute.nla_len >= NLA_HDRLEN + sizeof(FAMILY_NAME) &&
		    memcmp(value, FAMILY_NAME, sizeof(FAMILY_NAME)) == 0)
			return true;
		if (attribute.nla_type != CTRL_ATTR_FAMILY_ID ||
		    attribute.nla_len < NLA_HDRLEN + sizeof(number))
			continue;
		memcpy(&number, value, sizeof(number));
		if (number == FAMILY_ID)
			return true;
	}
	return false;
}

/* The port id that a socket without one has from now on; 0: none. */
static uint32_t bound(int fd)
{
	struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	uint32_t port = 0;

	bind(fd, (struct sockaddr *)&any, sizeof(any));
	return is_netlink(fd, &port) ? port : 0;
}

/* Past hooks.c. */
static ssize_t send_to(int fd, const void *bytes, size_t length, const struct sockaddr_nl *to)
{
	return syscall(SYS_sendto, fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, to, sizeof(*to));
}

/*
 * The queue is full. The kernel's IPVS would have done what it was asked, and its answer would have
 * made the next read fail with ENOBUFS: so does that to an empty message, which is for no family.
 */
static void overrun(int fd)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	const struct nlmsghdr nothing = {
		.nlmsg_len = sizeof(nothing),
		.nlmsg_type = NLMSG_NOOP,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
	};

	send_to(fd, &nothing, sizeof(nothing), &kernel);
}

/* Returns 0 or an errno. `bytes` are datagrams, each behind its length in four bytes. */
static int queue(int fd, uint32_t port, const unsigned char *bytes, uint32_t length)
{
	struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_pid = port};
	uint32_t at, size, cost = 0;

	for (at = 0; at + 4 <= length; at += 4 + size) {
		memcpy(&size, bytes + at, 4);
		if (size > length - at - 4)
			return EPROTO;
		cost += size + DATAGRAM_COST;
	}
	if (cost > QUEUE_SMALL && (int)cost > option(fd, SO_RCVBUF) / 2) {
		int room = (int)cost + option(fd, SO_RCVBUF) / 2;

		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	}
	for (at = 0; at + 4 <= length; at += 4 + size) {
		memcpy(&size, bytes + at, 4);
		if (send_to(fd, bytes + at + 4, size, &self) >= 0)
			continue;
		if (errno != EAGAIN)
			return errno;
		overrun(fd);
		return 0;
	}
	return 0;
}

/* Once a program has found the family it waits for an answer to whatever it sends. */
static int queue_error(int fd, uint32_t port, const unsigned char *sent, int error)
{
	struct {
		uint32_t size;
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = {.size = sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr)};

	memcpy(&answer.error.msg, sent, sizeof(answer.error.msg));
	answer.error.error = -error;
	answer.header = (struct nlmsghdr){
		.nlmsg_len = answer.size,
		.nlmsg_type = NLMSG_ERROR,
		.nlmsg_seq = answer.error.msg.nlmsg_seq,
		.nlmsg_pid = port,
	};
	return queue(fd, port, (unsigned char *)&answer, sizeof(answer));
}

/* The answers about the family again, for another question. */
static void readdress(unsigned char *bytes, uint32_t length, uint32_t seq, uint32_t port)
{
	struct nlmsghdr header;
	struct nlmsgerr ack;
	uint32_t size;

	for (uint32_t at = 0; at + 4 + NLMSG_HDRLEN <= length; at += 4 + size) {
		memcpy(&size, bytes + at, 4);
		memcpy(&header, bytes + at + 4, sizeof(header));
		header.nlmsg_seq = seq;
		header.nlmsg_pid = port;
		memcpy(bytes + at + 4, &header, sizeof(header));
		if (header.nlmsg_type != NLMSG_ERROR || size < NLMSG_HDRLEN + sizeof(ack))
			continue;
		memcpy(&ack, bytes + at + 4 + NLMSG_HDRLEN, sizeof(ack));
		ack.msg.nlmsg_seq = seq;
		ack.msg.nlmsg_pid = port;
		memcpy(bytes + at + 4 + NLMSG_HDRLEN, &ack, sizeof(ack));
	}
}

static void remember_family(const struct nlmsghdr *asked, const struct question *question,
			    const struct answer *answer)
{
	struct nlmsghdr header;

	if (answer->length > FAMILY_MAX || answer->length < 4 + NLMSG_HDRLEN)
		return;
	memcpy(&header, answer->bytes + 4, sizeof(header));
	if (header.nlmsg_type == NLMSG_ERROR)
		return;
	memcpy(family.bytes, answer->bytes, answer->length);
	family.length = answer->length;
	family.flags = asked->nlmsg_flags;
	family.netns_ino = question->netns_ino;
	family.until = now_ns() + FAMILY_NS;
}

/* Whether the family could be told without asking again. */
static bool recall_family(int fd, const struct nlmsghdr *asked, uint32_t port)
{
	struct question question;

	if (family.until < now_ns() || family.flags != asked->nlmsg_flags)
		return false;
	find_netns(fd, &question);
	if (question.netns_ino != family.netns_ino)
		return false;
	readdress(family.bytes, family.length, asked->nlmsg_seq, port);
	return queue(fd, port, family.bytes, family.length) == 0;
}

/* Asks xlvsd and queues what it says. Returns 0, or an errno: nothing is queued. */
static int exchange(int fd, uint32_t port, const unsigned char *bytes, uint32_t length,
		    bool is_family)
{
	struct question question = {.kind = KIND_NETLINK, .number = port, .length = length};
	struct answer answer;
	struct nlmsghdr asked;
	int error;

	memcpy(&asked, bytes, sizeof(asked));
	if (is_family && recall_family(fd, &asked, port))
		return 0;
	error = ask(fd, &question, bytes, &answer);
	if (error != 0)
		return error;
	if (is_family)
		remember_family(&asked, &question, &answer);
	if (answer.room != 0)
		note_unsettled();
	error = answer.result != 0 ? answer.result : queue(fd, port, answer.bytes, answer.length);
	forget(&answer);
	return error;
}

bool take_message(int fd, uint32_t port, const struct msghdr *message, ssize_t *sent, int *error)
{
	struct nlmsghdr header;
	unsigned char *bytes;
	uint32_t length;
	bool is_family, is_ours, taken = false;

	*error = 0;
	if (!to_kernel(message) || !may_be_ours(message))
		return false;
	bytes = joined(message, &length);
	if (bytes == NULL)
		return false;
	memcpy(&header, bytes, sizeof(header));
	is_family = asks_family(bytes, length);
	is_ours = is_family || header.nlmsg_type == FAMILY_ID;
	if (is_ours && port == 0)
		port = bound(fd);
	/* Without a port, what is sent to oneself would go to the kernel, that is: come here again.
	 */
	if (is_ours && port != 0) {
		*error = exchange(fd, port, bytes, length, is_family);
		/* Without an xlvsd the kernel says in its own way that there is no such family. */
		taken = *error != ENOENT;
		if (*error != 0 && taken && !is_family) {
			/* Nor can one who may not fill the queue be told in another. */
			taken = queue_error(fd, port, bytes, *error) == 0;
			*error = 0;
		}
		*sent = length;
	}
	free(bytes);
	return taken;
}

void hide_sender(int fd, void *address, socklen_t length)
{
	struct sockaddr_nl *from = address;
	uint32_t own;
	int before = errno;

	if (from == NULL || length < sizeof(*from) || from->nl_family != AF_NETLINK)
		return;
	if (from->nl_pid != 0 && is_netlink(fd, &own) && from->nl_pid == own &&
	    option(fd, SO_PROTOCOL) == NETLINK_GENERIC)
		from->nl_pid = 0;
	errno = before;
}
