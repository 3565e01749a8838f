/*
 * Questions to IPVS by netlink and by socket options, as libnl and ipvsadm put them, and that the
 * answers look as the kernel's do. Read next: probe.c.
 */
#include "probe.h"

#include <netinet/in.h>

struct request {
	struct nlmsghdr header;
	struct genlmsghdr command;
	char attributes[64];
};

int netlink(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	CHECK(fd >= 0);
	return fd;
}

void ask(int fd, uint16_t type, uint8_t command, uint16_t flags, const char *family)
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

int answer(int fd, int *error, int flags)
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

int family_id(int fd)
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

void get_info(int fd, int id)
{
	int error;

	ask(fd, (uint16_t)id, GET_INFO, NLM_F_ACK, NULL);
	CHECK(answer(fd, &error, 0) == id);
	CHECK(answer(fd, &error, 0) == NLMSG_ERROR && error == 0);
}

int option(int fd)
{
	uint32_t info[3] = {0};
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_IP, OPTION_INFO, info, &length) < 0)
		return -errno;
	CHECK(length == sizeof(info) && info[0] == 0x010201);
	return 0;
}

void ask_once(void)
{
	int fd = netlink(NETLINK_GENERIC);

	get_info(fd, family_id(fd));
}
