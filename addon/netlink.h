// Route netlink in three layers: a socket that asks and dumps, messages as plain structs, and (in
// netlink.cc) the JavaScript class over both. Nothing in this header touches JavaScript but
// to_js().
#pragma once

#include "addon.h"

#include <linux/rtnetlink.h>

#include <functional>
#include <optional>
#include <variant>

/// One request, built in place. Attributes are appended after the fixed header.
class NetlinkRequest
{
      public:
	template <typename Header>
	NetlinkRequest(uint16_t type, uint16_t flags, const Header &header)
	    : NetlinkRequest(type, flags, &header, sizeof(header))
	{
	}

	void attribute(uint16_t type, const void *data, size_t size);
	void attribute(uint16_t type, uint32_t value)
	{
		attribute(type, &value, sizeof(value));
	}
	/// Opens a nested attribute; end it with the value returned.
	size_t begin(uint16_t type);
	void end(size_t nest);

	nlmsghdr *message()
	{
		return reinterpret_cast<nlmsghdr *>(bytes_);
	}

      private:
	NetlinkRequest(uint16_t type, uint16_t flags, const void *header, size_t size);

	// The largest request here is a neighbour with two addresses: some hundred bytes.
	alignas(8) uint8_t bytes_[512] = {};
};

/// A netlink socket of the namespace its maker's thread was in.
class NetlinkSocket
{
      public:
	Failure open(int protocol = NETLINK_ROUTE);
	void close()
	{
		fd_.reset();
	}
	bool is_open() const
	{
		return fd_.open();
	}
	int fd() const
	{
		return fd_.get();
	}

	/// Sends, hands what is answered to `each`, and waits for the verdict with its words.
	Failure ask(
		NetlinkRequest &request,
		const std::function<void(const nlmsghdr *)> &each = [](const nlmsghdr *) {});
	/// Hands every message of a dump to `each`; `restart` is called when it must begin again.
	Failure dump(NetlinkRequest &request, const std::function<void(const nlmsghdr *)> &each,
		     const std::function<void()> &restart);

	/// Subscribes to one RTNLGRP_* group.
	Failure join(uint32_t group);
	/// More room before the kernel drops notifications.
	void grow_buffer();

      private:
	enum class Turn { MORE, DONE, AGAIN };

	Failure send(NetlinkRequest &request);
	void drain();
	Failure receive(ssize_t &size);
	Turn take(ssize_t size, const std::function<void(const nlmsghdr *)> &each,
		  Failure &failure);

	Fd fd_;
	uint32_t sequence_ = 0;
	bool interrupted_ = false;
	std::vector<uint8_t> buffer_;
};

struct LinkMessage {
	uint32_t ifindex = 0;
	std::string name, mac, kind;
	uint32_t mtu = 0, master = 0, parent = 0, xdp_program_id = 0;
	uint32_t vlan_id = 0, vlan_protocol = 0;
	bool up = false, running = false;
	const char *xdp_mode = "none";
};

struct AddressMessage {
	uint32_t ifindex = 0;
	int family = 4;
	std::string address;
	uint32_t prefix = 0;
};

struct RouteNexthop {
	std::string gateway;
	uint32_t ifindex = 0, weight = 1;
};

struct RouteMessage {
	int family = 4;
	uint32_t table = 0, type = 0, protocol = 0, scope = 0, tos = 0;
	std::string destination;
	uint32_t prefix = 0;
	std::string gateway;
	uint32_t ifindex = 0, metric = 0;
	std::string source;
	std::vector<RouteNexthop> nexthops;
	uint32_t mtu = 0;
};

struct NeighbourMessage {
	uint32_t ifindex = 0;
	int family = 4;
	std::string address, mac;
	uint32_t state = 0, flags = 0;
};

/// A rule of policy routing. `narrow`: it asks for more than the mark.
struct RuleMessage {
	int family = 4;
	uint32_t priority = 0, mark = 0, mask = 0, table = 0, action = 0;
	bool narrow = false;
};

/// A setting of net.ipv4.conf has changed; which one is not told in full.
struct SettingMessage {
	uint32_t ifindex = 0;
};

using NetlinkBody = std::variant<LinkMessage, AddressMessage, RouteMessage, NeighbourMessage,
				 SettingMessage, RuleMessage>;

struct NetlinkMessage {
	bool gone = false;
	NetlinkBody body;
};

/// The message in our words; nothing when it is of a family or kind nobody here asks for.
std::optional<NetlinkMessage> parse_netlink(const nlmsghdr *header);

Napi::Object to_js(Napi::Env env, const LinkMessage &link);
Napi::Object to_js(Napi::Env env, const AddressMessage &address);
Napi::Object to_js(Napi::Env env, const RouteMessage &route);
Napi::Object to_js(Napi::Env env, const NeighbourMessage &neighbour);
Napi::Object to_js(Napi::Env env, const SettingMessage &setting);
Napi::Object to_js(Napi::Env env, const RuleMessage &rule);

class Stream;
/// The body of the watching thread: reads notifications and pushes them as batches.
void watch_netlink(Stream &stream, int fd);
