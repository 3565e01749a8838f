// Changes as they happen, and the shapes JavaScript sees of every netlink message.
#include "netlink.h"
#include "stream.h"

#include <sys/socket.h>

/// Events of one call: the rest waits for the next.
static constexpr size_t BATCH_EVENTS = 1024;

/// Larger than any notification: a link with its statistics is a few kilobytes.
static constexpr size_t NOTIFICATION_BYTES = 64 * 1024;

Napi::Object to_js(Napi::Env env, const LinkMessage &link)
{
	Napi::Object out = Napi::Object::New(env);

	out["ifindex"] = link.ifindex;
	out["name"] = link.name;
	out["mac"] = link.mac;
	out["mtu"] = link.mtu;
	out["up"] = link.up;
	out["running"] = link.running;
	out["kind"] = link.kind;
	out["master"] = link.master;
	out["parent"] = link.parent;
	out["vlanId"] = link.vlan_id;
	out["vlanProtocol"] = link.vlan_protocol;
	out["xdpMode"] = link.xdp_mode;
	out["xdpProgramId"] = link.xdp_program_id;
	return out;
}

Napi::Object to_js(Napi::Env env, const AddressMessage &address)
{
	Napi::Object out = Napi::Object::New(env);

	out["ifindex"] = address.ifindex;
	out["family"] = address.family;
	out["address"] = address.address;
	out["prefix"] = address.prefix;
	return out;
}

static Napi::Array to_js(Napi::Env env, const std::vector<RouteNexthop> &hops)
{
	Napi::Array out = Napi::Array::New(env, hops.size());

	for (uint32_t i = 0; i < hops.size(); i++) {
		Napi::Object hop = Napi::Object::New(env);
		hop["gateway"] = hops[i].gateway;
		hop["ifindex"] = hops[i].ifindex;
		hop["weight"] = hops[i].weight;
		out[i] = hop;
	}
	return out;
}

Napi::Object to_js(Napi::Env env, const RouteMessage &route)
{
	Napi::Object out = Napi::Object::New(env);

	out["family"] = route.family;
	out["table"] = route.table;
	out["type"] = route.type;
	out["protocol"] = route.protocol;
	out["scope"] = route.scope;
	out["tos"] = route.tos;
	out["destination"] = route.destination;
	out["prefix"] = route.prefix;
	out["gateway"] = route.gateway;
	out["ifindex"] = route.ifindex;
	out["metric"] = route.metric;
	out["source"] = route.source;
	out["nexthops"] = to_js(env, route.nexthops);
	out["mtu"] = route.mtu;
	return out;
}

Napi::Object to_js(Napi::Env env, const NeighbourMessage &neighbour)
{
	Napi::Object out = Napi::Object::New(env);

	out["ifindex"] = neighbour.ifindex;
	out["family"] = neighbour.family;
	out["address"] = neighbour.address;
	out["mac"] = neighbour.mac;
	out["state"] = neighbour.state;
	out["flags"] = neighbour.flags;
	return out;
}

Napi::Object to_js(Napi::Env env, const SettingMessage &setting)
{
	Napi::Object out = Napi::Object::New(env);

	out["ifindex"] = setting.ifindex;
	return out;
}

Napi::Object to_js(Napi::Env env, const RuleMessage &rule)
{
	Napi::Object out = Napi::Object::New(env);

	out["family"] = rule.family;
	out["priority"] = rule.priority;
	out["mark"] = rule.mark;
	out["mask"] = rule.mask;
	out["table"] = rule.table;
	out["action"] = rule.action;
	out["narrow"] = rule.narrow;
	return out;
}

struct NetlinkBatch : StreamBatch {
	/// Nothing stands for an overrun: the kernel dropped notifications here.
	std::vector<std::optional<NetlinkMessage>> events;

	Napi::Value to_js(Napi::Env env) override
	{
		Napi::Array out = Napi::Array::New(env, events.size());

		for (uint32_t i = 0; i < events.size(); i++) {
			// A full batch is more handles than one scope should hold.
			Napi::HandleScope scope(env);
			out[i] = event(env, events[i]);
		}
		return out;
	}

	static Napi::Object event(Napi::Env env, const std::optional<NetlinkMessage> &message)
	{
		// In the order of NetlinkBody.
		static const char *const kinds[] = {"link",	 "address", "route",
						    "neighbour", "setting", "rule"};
		Napi::Object out = Napi::Object::New(env);

		if (!message) {
			out["kind"] = "overrun";
			return out;
		}
		const char *kind = kinds[message->body.index()];
		out["kind"] = kind;
		out["gone"] = message->gone;
		out[kind] = std::visit([&](const auto &body) { return ::to_js(env, body); },
				       message->body);
		return out;
	}
};

/// Reads one datagram into the batch. False when there is nothing more to read now.
static bool read_notification(int fd, std::vector<uint8_t> &buffer, NetlinkBatch &batch)
{
	ssize_t size = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);

	if (size < 0 && errno == EINTR)
		return true;
	bool cut = size > static_cast<ssize_t>(buffer.size());
	if (cut || (size < 0 && errno == ENOBUFS)) {
		batch.events.push_back(std::nullopt);
		return true;
	}
	if (size <= 0)
		return false;
	auto rest = static_cast<unsigned int>(size);
	auto *header = reinterpret_cast<const nlmsghdr *>(buffer.data());
	for (; NLMSG_OK(header, rest); header = NLMSG_NEXT(header, rest)) {
		std::optional<NetlinkMessage> message = parse_netlink(header);
		if (message)
			batch.events.push_back(std::move(message));
	}
	return true;
}

void watch_netlink(Stream &stream, int fd)
{
	std::vector<uint8_t> buffer(NOTIFICATION_BYTES);

	while (stream.wait(fd)) {
		auto batch = std::make_unique<NetlinkBatch>();

		while (batch->events.size() < BATCH_EVENTS && read_notification(fd, buffer, *batch))
			;
		if (!batch->events.empty() && !stream.push(std::move(batch)))
			return;
	}
}
