// Route netlink messages into plain structs. Only bytes come in: nothing here makes a system call.
#include "netlink.h"

#include <linux/fib_rules.h>

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <net/if.h>

#include <cstring>

/// The attributes of one message or nest, by type; the last of a kind wins.
template <size_t COUNT> class Attributes
{
      public:
	Attributes(const void *first, int size)
	{
		auto *attribute = static_cast<const rtattr *>(first);

		for (; RTA_OK(attribute, size); attribute = RTA_NEXT(attribute, size)) {
			size_t type = attribute->rta_type & NLA_TYPE_MASK;
			if (type < COUNT)
				found_[type] = attribute;
		}
	}

	explicit Attributes(const rtattr *nest) : Attributes(RTA_DATA(nest), RTA_PAYLOAD(nest))
	{
	}

	const rtattr *operator[](size_t type) const
	{
		return found_[type];
	}

	uint32_t u32(size_t type, uint32_t fallback = 0) const
	{
		uint32_t value = fallback;
		if (found_[type] && RTA_PAYLOAD(found_[type]) >= sizeof(value))
			memcpy(&value, RTA_DATA(found_[type]), sizeof(value));
		return value;
	}

	uint16_t u16(size_t type) const
	{
		uint16_t value = 0;
		if (found_[type] && RTA_PAYLOAD(found_[type]) >= sizeof(value))
			memcpy(&value, RTA_DATA(found_[type]), sizeof(value));
		return value;
	}

	uint8_t u8(size_t type) const
	{
		return found_[type] && RTA_PAYLOAD(found_[type])
			       ? *static_cast<const uint8_t *>(RTA_DATA(found_[type]))
			       : 0;
	}

	std::string text(size_t type) const
	{
		if (!found_[type])
			return "";
		const char *start = static_cast<const char *>(RTA_DATA(found_[type]));
		return std::string(start, strnlen(start, RTA_PAYLOAD(found_[type])));
	}

      private:
	const rtattr *found_[COUNT] = {};
};

static std::string mac_text(const rtattr *attribute)
{
	char text[3 * 6] = "";

	if (!attribute || RTA_PAYLOAD(attribute) != 6)
		return "";
	const auto *b = static_cast<const uint8_t *>(RTA_DATA(attribute));
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		 b[5]);
	return text;
}

static std::string ip_bytes_text(int family, const void *bytes, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (size < (family == AF_INET ? 4u : 16u))
		return "";
	return inet_ntop(family, bytes, text, sizeof(text)) ? text : "";
}

static std::string ip_text(int family, const rtattr *attribute, const char *fallback = "")
{
	return attribute ? ip_bytes_text(family, RTA_DATA(attribute), RTA_PAYLOAD(attribute))
			 : fallback;
}

/// The next hop's address: of the route's own family, or IPv6 under an IPv4 route (RTA_VIA).
template <size_t COUNT>
static std::string gateway_text(int family, const Attributes<COUNT> &attributes)
{
	const rtattr *via = attributes[RTA_VIA];

	if (!via || RTA_PAYLOAD(via) < sizeof(rtvia))
		return ip_text(family, attributes[RTA_GATEWAY]);
	const auto *hop = static_cast<const rtvia *>(RTA_DATA(via));
	if (hop->rtvia_family != AF_INET && hop->rtvia_family != AF_INET6)
		return "";
	return ip_bytes_text(hop->rtvia_family, hop->rtvia_addr, RTA_PAYLOAD(via) - sizeof(rtvia));
}

static int family_number(int family)
{
	return family == AF_INET ? 4 : 6;
}

static bool is_ip(int family)
{
	return family == AF_INET || family == AF_INET6;
}

static void parse_xdp(const rtattr *nest, LinkMessage &link)
{
	Attributes<IFLA_XDP_MAX + 1> xdp(nest);

	link.xdp_program_id = xdp.u32(IFLA_XDP_PROG_ID);
	switch (xdp.u8(IFLA_XDP_ATTACHED)) {
	case XDP_ATTACHED_DRV:
		link.xdp_mode = "native";
		break;
	case XDP_ATTACHED_SKB:
		link.xdp_mode = "generic";
		break;
	case XDP_ATTACHED_HW:
		link.xdp_mode = "offload";
		break;
	case XDP_ATTACHED_MULTI: // The driver's program is the first a frame meets.
		link.xdp_mode = xdp[IFLA_XDP_DRV_PROG_ID] ? "native" : "generic";
		link.xdp_program_id = xdp.u32(IFLA_XDP_DRV_PROG_ID, xdp.u32(IFLA_XDP_SKB_PROG_ID));
		break;
	}
}

static void parse_link_info(const rtattr *nest, LinkMessage &link)
{
	Attributes<IFLA_INFO_MAX + 1> info(nest);

	link.kind = info.text(IFLA_INFO_KIND);
	if (link.kind != "vlan" || !info[IFLA_INFO_DATA])
		return;
	Attributes<IFLA_VLAN_MAX + 1> vlan(info[IFLA_INFO_DATA]);
	link.vlan_id = vlan.u16(IFLA_VLAN_ID);
	link.vlan_protocol = ntohs(vlan.u16(IFLA_VLAN_PROTOCOL));
}

static std::optional<NetlinkBody> parse_link(const nlmsghdr *header)
{
	const auto *info = static_cast<const ifinfomsg *>(NLMSG_DATA(header));
	Attributes<IFLA_MAX + 1> attributes(IFLA_RTA(info), IFLA_PAYLOAD(header));
	LinkMessage link;

	// A bridge port that leaves its bridge says DELLINK of family AF_BRIDGE: no link has gone.
	if (info->ifi_family != AF_UNSPEC)
		return {};
	link.ifindex = info->ifi_index;
	link.name = attributes.text(IFLA_IFNAME);
	link.mac = mac_text(attributes[IFLA_ADDRESS]);
	link.mtu = attributes.u32(IFLA_MTU);
	link.master = attributes.u32(IFLA_MASTER);
	link.up = (info->ifi_flags & IFF_UP) != 0;
	link.running = (info->ifi_flags & IFF_RUNNING) != 0;
	// With a namespace beside it the index is another namespace's.
	if (!attributes[IFLA_LINK_NETNSID])
		link.parent = attributes.u32(IFLA_LINK);
	if (attributes[IFLA_LINKINFO])
		parse_link_info(attributes[IFLA_LINKINFO], link);
	if (attributes[IFLA_XDP])
		parse_xdp(attributes[IFLA_XDP], link);
	return link;
}

static std::optional<NetlinkBody> parse_address(const nlmsghdr *header)
{
	const auto *info = static_cast<const ifaddrmsg *>(NLMSG_DATA(header));
	Attributes<IFA_MAX + 1> attributes(IFA_RTA(info), IFA_PAYLOAD(header));
	AddressMessage address;

	if (!is_ip(info->ifa_family))
		return {};
	// On a point-to-point link IFA_ADDRESS is the peer.
	const rtattr *own = attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
	address.ifindex = info->ifa_index;
	address.family = family_number(info->ifa_family);
	address.prefix = info->ifa_prefixlen;
	address.address = ip_text(info->ifa_family, own);
	return address;
}

static std::vector<RouteNexthop> parse_nexthops(int family, const rtattr *multipath)
{
	std::vector<RouteNexthop> hops;
	const auto *hop = static_cast<const rtnexthop *>(RTA_DATA(multipath));
	int rest = RTA_PAYLOAD(multipath);

	while (rest >= static_cast<int>(sizeof(*hop)) && RTNH_OK(hop, rest)) {
		Attributes<RTA_MAX + 1> attributes(RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop));
		hops.push_back({gateway_text(family, attributes),
				static_cast<uint32_t>(hop->rtnh_ifindex), hop->rtnh_hops + 1u});
		rest -= RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return hops;
}

static std::optional<NetlinkBody> parse_route(const nlmsghdr *header)
{
	const auto *info = static_cast<const rtmsg *>(NLMSG_DATA(header));
	Attributes<RTA_MAX + 1> attributes(RTM_RTA(info), RTM_PAYLOAD(header));
	int family = info->rtm_family;
	RouteMessage route;

	// Cached copies of a route (path MTU, redirects) are not routes.
	if (!is_ip(family) || (info->rtm_flags & RTM_F_CLONED))
		return {};
	route.family = family_number(family);
	route.table = attributes.u32(RTA_TABLE, info->rtm_table);
	route.type = info->rtm_type;
	route.protocol = info->rtm_protocol;
	route.scope = info->rtm_scope;
	route.tos = info->rtm_tos;
	route.destination =
		ip_text(family, attributes[RTA_DST], family == AF_INET ? "0.0.0.0" : "::");
	route.prefix = info->rtm_dst_len;
	route.gateway = gateway_text(family, attributes);
	route.ifindex = attributes.u32(RTA_OIF);
	route.metric = attributes.u32(RTA_PRIORITY);
	route.source = ip_text(family, attributes[RTA_PREFSRC]);
	if (attributes[RTA_MULTIPATH])
		route.nexthops = parse_nexthops(family, attributes[RTA_MULTIPATH]);
	if (attributes[RTA_METRICS])
		route.mtu = Attributes<RTAX_MAX + 1>(attributes[RTA_METRICS]).u32(RTAX_MTU);
	return route;
}

static std::optional<NetlinkBody> parse_neighbour(const nlmsghdr *header)
{
	const auto *info = static_cast<const ndmsg *>(NLMSG_DATA(header));
	const auto *first = reinterpret_cast<const uint8_t *>(info) + NLMSG_ALIGN(sizeof(*info));
	Attributes<NDA_MAX + 1> attributes(first, NLMSG_PAYLOAD(header, sizeof(*info)));
	NeighbourMessage neighbour;

	// AF_BRIDGE entries are forwarding tables, not neighbours.
	if (!is_ip(info->ndm_family))
		return {};
	neighbour.ifindex = info->ndm_ifindex;
	neighbour.family = family_number(info->ndm_family);
	neighbour.address = ip_text(info->ndm_family, attributes[NDA_DST]);
	neighbour.mac = mac_text(attributes[NDA_LLADDR]);
	neighbour.state = info->ndm_state;
	// As in the kernel: the extended flags sit above the eight plain ones.
	neighbour.flags = info->ndm_flags | attributes.u32(NDA_FLAGS_EXT) << 8;
	return neighbour;
}

static std::optional<NetlinkBody> parse_setting(const nlmsghdr *header)
{
	const auto *info = static_cast<const netconfmsg *>(NLMSG_DATA(header));
	const auto *first = reinterpret_cast<const uint8_t *>(info) + NLMSG_ALIGN(sizeof(*info));
	Attributes<NETCONFA_MAX + 1> attributes(first, NLMSG_PAYLOAD(header, sizeof(*info)));

	if (info->ncm_family != AF_INET)
		return {};
	// NETCONFA_IFINDEX_ALL and _DEFAULT are negative: no interface's.
	uint32_t ifindex = attributes.u32(NETCONFA_IFINDEX);
	return SettingMessage{static_cast<int32_t>(ifindex) < 0 ? 0 : ifindex};
}

static std::optional<NetlinkBody> parse_rule(const nlmsghdr *header)
{
	static constexpr uint16_t others[] = {
		FRA_SRC,       FRA_DST,	     FRA_IIFNAME,     FRA_OIFNAME,     FRA_TUN_ID,
		FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_L3MDEV};
	const auto *info = static_cast<const fib_rule_hdr *>(NLMSG_DATA(header));
	const auto *first = reinterpret_cast<const uint8_t *>(info) + NLMSG_ALIGN(sizeof(*info));
	Attributes<FRA_MAX + 1> attributes(first, NLMSG_PAYLOAD(header, sizeof(*info)));
	RuleMessage rule;

	if (!is_ip(info->family))
		return {};
	rule.family = family_number(info->family);
	rule.priority = attributes.u32(FRA_PRIORITY);
	rule.mark = attributes.u32(FRA_FWMARK);
	rule.mask = attributes.u32(FRA_FWMASK);
	rule.table = attributes.u32(FRA_TABLE, info->table);
	rule.action = info->action;
	rule.narrow = info->tos || info->flags & FIB_RULE_INVERT;
	for (uint16_t other : others)
		rule.narrow = rule.narrow || attributes[other];
	return rule;
}

struct Kind {
	uint16_t add, remove;
	size_t header_size;
	std::optional<NetlinkBody> (*parse)(const nlmsghdr *);
};

std::optional<NetlinkMessage> parse_netlink(const nlmsghdr *header)
{
	static constexpr Kind kinds[] = {
		{RTM_NEWLINK, RTM_DELLINK, sizeof(ifinfomsg), parse_link},
		{RTM_NEWADDR, RTM_DELADDR, sizeof(ifaddrmsg), parse_address},
		{RTM_NEWROUTE, RTM_DELROUTE, sizeof(rtmsg), parse_route},
		{RTM_NEWNEIGH, RTM_DELNEIGH, sizeof(ndmsg), parse_neighbour},
		{RTM_NEWRULE, RTM_DELRULE, sizeof(fib_rule_hdr), parse_rule},
		{RTM_NEWNETCONF, RTM_DELNETCONF, sizeof(netconfmsg), parse_setting},
	};

	for (const Kind &kind : kinds) {
		bool gone = header->nlmsg_type == kind.remove;
		if (!gone && header->nlmsg_type != kind.add)
			continue;
		if (header->nlmsg_len < NLMSG_LENGTH(kind.header_size))
			return {};
		std::optional<NetlinkBody> body = kind.parse(header);
		if (!body)
			return {};
		return NetlinkMessage{gone, std::move(*body)};
	}
	return {};
}
