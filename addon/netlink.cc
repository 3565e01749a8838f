// The class Netlink: dumps, neighbours set and removed, and a watch over changes.
//
// Two sockets, both made by the constructor and so of one namespace: answers and notifications
// must not mix, or a full notification queue would cost an answer.
#include "netlink.h"
#include "stream.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>

#include <cstring>

/// The kernel's MAX_ADDR_LEN.
static constexpr size_t MAC_BYTES_MAX = 32;

class Netlink : public Napi::ObjectWrap<Netlink>
{
      public:
	explicit Netlink(const Napi::CallbackInfo &info);
	static Napi::Function define(Napi::Env env);

      private:
	Napi::Value links(const Napi::CallbackInfo &info);
	Napi::Value addresses(const Napi::CallbackInfo &info);
	Napi::Value routes(const Napi::CallbackInfo &info);
	Napi::Value neighbours(const Napi::CallbackInfo &info);
	Napi::Value rules(const Napi::CallbackInfo &info);
	void set_neighbour(const Napi::CallbackInfo &info);
	void delete_neighbour(const Napi::CallbackInfo &info);
	void watch(const Napi::CallbackInfo &info);
	void close(const Napi::CallbackInfo &info);

	void must_be_open(Napi::Env env, const char *call) const
	{
		if (!asking_.is_open())
			fail_closed(env, call, "Netlink");
	}
	template <typename Body>
	void dump(Napi::Env env, NetlinkRequest &request, int family, const char *what,
		  std::vector<Body> &out);

	NetlinkSocket asking_, watching_;
	std::unique_ptr<Stream> stream_;
};

Netlink::Netlink(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Netlink>(info)
{
	Failure failure = asking_.open();

	if (!failure)
		failure = watching_.open();
	if (failure)
		fail(info.Env(), failure, "route netlink");
}

/// Adds what a dump says to `out`; what the kernel answers for another family is left out.
template <typename Body>
void Netlink::dump(Napi::Env env, NetlinkRequest &request, int family, const char *what,
		   std::vector<Body> &out)
{
	size_t before = out.size();
	auto each = [&](const nlmsghdr *header) {
		std::optional<NetlinkMessage> message = parse_netlink(header);
		const auto *family_byte = static_cast<const uint8_t *>(NLMSG_DATA(header));
		if (message && *family_byte == family)
			if (Body *body = std::get_if<Body>(&message->body))
				out.push_back(std::move(*body));
	};
	Failure failure = asking_.dump(request, each, [&] { out.resize(before); });

	// A kernel without IPv6 has no such table.
	if (failure && failure.error != EAFNOSUPPORT)
		fail(env, failure, what);
}

template <typename Body> static Napi::Array list(Napi::Env env, const std::vector<Body> &bodies)
{
	Napi::Array out = Napi::Array::New(env, bodies.size());

	for (uint32_t i = 0; i < bodies.size(); i++) {
		Napi::HandleScope scope(env);
		out[i] = to_js(env, bodies[i]);
	}
	return out;
}

Napi::Value Netlink::links(const Napi::CallbackInfo &info)
{
	ifinfomsg header = {};
	NetlinkRequest request(RTM_GETLINK, 0, header);
	std::vector<LinkMessage> found;

	must_be_open(info.Env(), "RTM_GETLINK");
	request.attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	dump(info.Env(), request, AF_UNSPEC, "RTM_GETLINK", found);
	return list(info.Env(), found);
}

Napi::Value Netlink::addresses(const Napi::CallbackInfo &info)
{
	std::vector<AddressMessage> found;

	must_be_open(info.Env(), "RTM_GETADDR");
	for (int family : {AF_INET, AF_INET6}) {
		ifaddrmsg header = {};
		header.ifa_family = family;
		NetlinkRequest request(RTM_GETADDR, 0, header);
		dump(info.Env(), request, family, "RTM_GETADDR", found);
	}
	return list(info.Env(), found);
}

Napi::Value Netlink::routes(const Napi::CallbackInfo &info)
{
	std::vector<RouteMessage> found;

	must_be_open(info.Env(), "RTM_GETROUTE");
	for (int family : {AF_INET, AF_INET6}) {
		rtmsg header = {};
		header.rtm_family = family;
		NetlinkRequest request(RTM_GETROUTE, 0, header);
		dump(info.Env(), request, family, "RTM_GETROUTE", found);
	}
	return list(info.Env(), found);
}

Napi::Value Netlink::neighbours(const Napi::CallbackInfo &info)
{
	std::vector<NeighbourMessage> found;

	must_be_open(info.Env(), "RTM_GETNEIGH");
	for (int family : {AF_INET, AF_INET6}) {
		ndmsg header = {};
		header.ndm_family = family;
		NetlinkRequest request(RTM_GETNEIGH, 0, header);
		dump(info.Env(), request, family, "RTM_GETNEIGH", found);
	}
	return list(info.Env(), found);
}

Napi::Value Netlink::rules(const Napi::CallbackInfo &info)
{
	std::vector<RuleMessage> found;

	must_be_open(info.Env(), "RTM_GETRULE");
	for (int family : {AF_INET, AF_INET6}) {
		fib_rule_hdr header = {};
		header.family = family;
		NetlinkRequest request(RTM_GETRULE, 0, header);
		dump(info.Env(), request, family, "RTM_GETRULE", found);
	}
	return list(info.Env(), found);
}

struct IpBytes {
	int family;
	uint8_t bytes[16];
	size_t size() const
	{
		return family == AF_INET ? 4 : 16;
	}
};

static IpBytes ip_arg(Napi::Value value, const char *call)
{
	std::string text = string_arg(value, call, "address");
	IpBytes ip = {AF_INET, {}};

	if (inet_pton(AF_INET, text.c_str(), ip.bytes) == 1)
		return ip;
	ip.family = AF_INET6;
	if (inet_pton(AF_INET6, text.c_str(), ip.bytes) == 1)
		return ip;
	fail(value.Env(), EINVAL, call, "address '" + text + "' is neither IPv4 nor IPv6");
}

static std::vector<uint8_t> mac_arg(Napi::Value value, const char *call)
{
	std::vector<uint8_t> bytes;
	std::string text = string_arg(value, call, "mac");

	for (size_t at = 0; at < text.size(); at += 3) {
		bool ends = at + 2 == text.size();
		if (at + 2 > text.size() || !isxdigit(static_cast<unsigned char>(text[at])) ||
		    !isxdigit(static_cast<unsigned char>(text[at + 1])) ||
		    (!ends && (text[at + 2] != ':' || at + 3 == text.size())) ||
		    bytes.size() == MAC_BYTES_MAX)
			fail(value.Env(), EINVAL, call,
			     "mac '" + text + "' is not like 02:00:00:00:00:01");
		bytes.push_back(strtoul(text.substr(at, 2).c_str(), nullptr, 16));
	}
	return bytes;
}

void Netlink::set_neighbour(const Napi::CallbackInfo &info)
{
	const char *call = "RTM_NEWNEIGH";
	Napi::Env env = info.Env();
	Napi::Object options = object_arg(info[0], call, "neighbour");
	IpBytes ip = ip_arg(options.Get("address"), call);
	Napi::Value mac_value = options.Get("mac");
	std::vector<uint8_t> mac;
	ndmsg header = {};

	must_be_open(env, call);
	if (!mac_value.IsUndefined())
		mac = mac_arg(mac_value, call);
	header.ndm_family = ip.family;
	header.ndm_ifindex = static_cast<int>(u32_arg(options.Get("ifindex"), call, "ifindex"));
	header.ndm_state = u32_arg(options.Get("state"), call, "state",
				   mac.empty() ? NUD_NONE : NUD_PERMANENT);
	header.ndm_flags = bool_arg(options.Get("use"), call, "use", false) ? NTF_USE : 0;
	NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header);
	request.attribute(NDA_DST, ip.bytes, ip.size());
	if (!mac.empty())
		request.attribute(NDA_LLADDR, mac.data(), mac.size());
	if (bool_arg(options.Get("managed"), call, "managed", false))
		request.attribute(NDA_FLAGS_EXT, NTF_EXT_MANAGED);

	Failure failure = asking_.ask(request);
	if (failure)
		fail(env, failure.error, call,
		     "neighbour on interface " + std::to_string(header.ndm_ifindex), failure.words);
}

void Netlink::delete_neighbour(const Napi::CallbackInfo &info)
{
	const char *call = "RTM_DELNEIGH";
	Napi::Env env = info.Env();
	Napi::Object options = object_arg(info[0], call, "neighbour");
	IpBytes ip = ip_arg(options.Get("address"), call);
	ndmsg header = {};

	must_be_open(env, call);
	header.ndm_family = ip.family;
	header.ndm_ifindex = static_cast<int>(u32_arg(options.Get("ifindex"), call, "ifindex"));
	NetlinkRequest request(RTM_DELNEIGH, 0, header);
	request.attribute(NDA_DST, ip.bytes, ip.size());
	Failure failure = asking_.ask(request);
	if (failure)
		fail(env, failure.error, call,
		     "neighbour on interface " + std::to_string(header.ndm_ifindex), failure.words);
}

void Netlink::watch(const Napi::CallbackInfo &info)
{
	// A line each: the formatter's columns would be too wide.
	static constexpr uint32_t groups[] = {
		RTNLGRP_LINK,	     //
		RTNLGRP_IPV4_IFADDR, //
		RTNLGRP_IPV6_IFADDR, //
		RTNLGRP_IPV4_ROUTE,  //
		RTNLGRP_IPV6_ROUTE,  //
		RTNLGRP_NEIGH,	     //
		RTNLGRP_IPV4_RULE,   //
		RTNLGRP_IPV6_RULE,   //
		RTNLGRP_IPV4_NETCONF,
	};
	Napi::Env env = info.Env();
	Napi::Function on_events = function_arg(info[0], "watch", "onEvents");

	must_be_open(env, "watch");
	if (stream_)
		fail(env, EBUSY, "watch", "already watching");
	watching_.grow_buffer();
	for (uint32_t group : groups)
		if (Failure failure = watching_.join(group))
			fail(env, failure, "netlink group " + std::to_string(group));
	stream_ = std::make_unique<Stream>(
		env, on_events, "Netlink",
		[fd = watching_.fd()](Stream &stream) { watch_netlink(stream, fd); });
	// Collected while it watches, it would stop without a word.
	Ref();
}

void Netlink::close(const Napi::CallbackInfo &)
{
	if (stream_) {
		stream_.reset();
		Unref();
	}
	watching_.close();
	asking_.close();
}

Napi::Function Netlink::define(Napi::Env env)
{
	return DefineClass(env, "Netlink",
			   {
				   InstanceMethod<&Netlink::links>("links"),
				   InstanceMethod<&Netlink::addresses>("addresses"),
				   InstanceMethod<&Netlink::routes>("routes"),
				   InstanceMethod<&Netlink::neighbours>("neighbours"),
				   InstanceMethod<&Netlink::rules>("rules"),
				   InstanceMethod<&Netlink::set_neighbour>("setNeighbour"),
				   InstanceMethod<&Netlink::delete_neighbour>("deleteNeighbour"),
				   InstanceMethod<&Netlink::watch>("watch"),
				   InstanceMethod<&Netlink::close>("close"),
			   });
}

void define_netlink(Napi::Env env, Napi::Object exports)
{
	exports["Netlink"] = Netlink::define(env);
}
