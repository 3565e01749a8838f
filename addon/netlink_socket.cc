// A route netlink socket: requests with the kernel's verdict and words, and dumps that are whole.
#include "netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cassert>
#include <cstring>

/// The kernel fills at most 32 KiB of a dump's buffer.
static constexpr size_t BUFFER_BYTES = 64 * 1024;

/// A dump that changed under the reader begins again; a table that never rests is an error.
static constexpr int DUMP_TRIES_MAX = 50;

/// The kernel answers at once; a lost answer must not hang the caller.
static constexpr int ANSWER_TIMEOUT_S = 10;

/// Notifications waiting to be read: a full routing table's worth of changes.
static constexpr int NOTIFY_BUFFER_BYTES = 16 * 1024 * 1024;

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags, const void *header, size_t size)
{
	nlmsghdr *nl = message();

	nl->nlmsg_type = type;
	nl->nlmsg_flags = NLM_F_REQUEST | flags;
	nl->nlmsg_len = NLMSG_LENGTH(size);
	memcpy(NLMSG_DATA(nl), header, size);
}

void NetlinkRequest::attribute(uint16_t type, const void *data, size_t size)
{
	nlmsghdr *nl = message();
	size_t at = NLMSG_ALIGN(nl->nlmsg_len);
	auto *attribute = reinterpret_cast<rtattr *>(bytes_ + at);

	assert(at + RTA_SPACE(size) <= sizeof(bytes_));
	attribute->rta_type = type;
	attribute->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attribute), data, size);
	nl->nlmsg_len = at + RTA_ALIGN(attribute->rta_len);
}

size_t NetlinkRequest::begin(uint16_t type)
{
	size_t at = NLMSG_ALIGN(message()->nlmsg_len);

	attribute(type | NLA_F_NESTED, nullptr, 0);
	return at;
}

void NetlinkRequest::end(size_t nest)
{
	auto *attribute = reinterpret_cast<rtattr *>(bytes_ + nest);

	attribute->rta_len = message()->nlmsg_len - nest;
}

Failure NetlinkSocket::open(int protocol)
{
	int on = 1;
	timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S, .tv_usec = 0};

	fd_.reset(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
	if (!fd_.open())
		return {errno, "socket"};
	// Words instead of bare numbers, and headers checked, on every kernel since 4.20.
	setsockopt(fd_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	sockaddr_nl local = {};
	local.nl_family = AF_NETLINK;
	if (bind(fd_.get(), reinterpret_cast<sockaddr *>(&local), sizeof(local)))
		return {errno, "bind"};
	buffer_.resize(BUFFER_BYTES);
	return {};
}

Failure NetlinkSocket::join(uint32_t group)
{
	if (setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		return {errno, "setsockopt"};
	return {};
}

void NetlinkSocket::grow_buffer()
{
	int size = NOTIFY_BUFFER_BYTES;

	// Beyond rmem_max this takes CAP_NET_ADMIN; without it the default has to do.
	if (setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

Failure NetlinkSocket::send(NetlinkRequest &request)
{
	nlmsghdr *message = request.message();
	sockaddr_nl kernel = {};

	kernel.nl_family = AF_NETLINK;
	message->nlmsg_seq = ++sequence_;
	interrupted_ = false;
	drain();
	if (sendto(fd_.get(), message, message->nlmsg_len, 0, reinterpret_cast<sockaddr *>(&kernel),
		   sizeof(kernel)) < 0)
		return {errno, "sendto"};
	return {};
}

/// Leftovers of a request that failed half way would make the kernel call a new dump busy.
void NetlinkSocket::drain()
{
	while (recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT) >= 0)
		;
}

Failure NetlinkSocket::receive(ssize_t &size)
{
	do {
		size = recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
	} while (size < 0 && errno == EINTR);
	if (size < 0)
		return {errno, "recv"};
	if (size > static_cast<ssize_t>(buffer_.size()))
		return {EMSGSIZE, "recv"};
	return {};
}

/// The verdict of an NLMSG_ERROR or NLMSG_DONE, with the extended acknowledgement's sentence.
static Failure verdict(const nlmsghdr *header)
{
	const auto *data = static_cast<const uint8_t *>(NLMSG_DATA(header));
	size_t size = header->nlmsg_len - NLMSG_HDRLEN;
	// By NETLINK_CAP_ACK an error does not repeat the request before its attributes.
	size_t skip = header->nlmsg_type == NLMSG_DONE ? sizeof(int) : sizeof(nlmsgerr);
	int error = 0;
	Failure failure;

	if (size < sizeof(int))
		return failure;
	memcpy(&error, data, sizeof(error));
	failure.error = -error;
	failure.call = "recv";
	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS) || size <= skip)
		return failure;
	int rest = static_cast<int>(size) - static_cast<int>(NLMSG_ALIGN(skip));
	auto *attribute = reinterpret_cast<const rtattr *>(data + NLMSG_ALIGN(skip));
	for (; rest > 0 && RTA_OK(attribute, rest); attribute = RTA_NEXT(attribute, rest))
		if (attribute->rta_type == NLMSGERR_ATTR_MSG && RTA_PAYLOAD(attribute) > 0)
			failure.words.assign(static_cast<const char *>(RTA_DATA(attribute)),
					     RTA_PAYLOAD(attribute) - 1);
	return failure;
}

NetlinkSocket::Turn NetlinkSocket::take(ssize_t size,
					const std::function<void(const nlmsghdr *)> &each,
					Failure &failure)
{
	auto rest = static_cast<unsigned int>(size);
	auto *header = reinterpret_cast<const nlmsghdr *>(buffer_.data());

	for (; NLMSG_OK(header, rest); header = NLMSG_NEXT(header, rest)) {
		if (header->nlmsg_seq != sequence_)
			continue;
		interrupted_ |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) {
			failure = verdict(header);
			return interrupted_ && !failure ? Turn::AGAIN : Turn::DONE;
		}
		each(header);
	}
	return Turn::MORE;
}

Failure NetlinkSocket::ask(NetlinkRequest &request,
			   const std::function<void(const nlmsghdr *)> &each)
{
	ssize_t size = 0;
	Failure failure;

	request.message()->nlmsg_flags |= NLM_F_ACK;
	if ((failure = send(request)))
		return failure;
	do {
		if ((failure = receive(size)))
			return failure;
	} while (take(size, each, failure) == Turn::MORE);
	return failure;
}

Failure NetlinkSocket::dump(NetlinkRequest &request,
			    const std::function<void(const nlmsghdr *)> &each,
			    const std::function<void()> &restart)
{
	request.message()->nlmsg_flags |= NLM_F_DUMP;
	for (int tries = 0; tries < DUMP_TRIES_MAX; tries++) {
		ssize_t size = 0;
		Failure failure;
		Turn turn;

		restart();
		if ((failure = send(request)))
			return failure;
		do {
			if ((failure = receive(size)))
				return failure;
			turn = take(size, each, failure);
		} while (turn == Turn::MORE);
		if (turn == Turn::DONE)
			return failure;
	}
	return {EAGAIN, "recv", "the table changed during every dump"};
}
