// What there is to know of an interface besides its link: offloads, XDP abilities, programs of tc.
//
// Each function asks once, in the network namespace of the calling thread, and keeps nothing open.
#include "netlink.h"

#include <bpf/bpf.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <map>

/// Of include/uapi/linux/netdev.h and bpf.h, newer than this system's headers.
static constexpr uint8_t NETDEV_DEV_GET = 1;
static constexpr uint16_t NETDEV_DEV_IFINDEX = 1, NETDEV_DEV_XDP_FEATURES = 3;
static constexpr int TCX_INGRESS = 46, TCX_EGRESS = 47;
static constexpr uint32_t TCX_PROGRAMS_MAX = 64;

/// One ETHTOOL_* command; `command` begins with its struct.
static Failure ethtool(const std::string &name, void *command)
{
	Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	ifreq request = {};

	if (!fd.open())
		return {errno, "socket"};
	strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
	request.ifr_data = static_cast<char *>(command);
	if (ioctl(fd.get(), SIOCETHTOOL, &request))
		return {errno, "SIOCETHTOOL"};
	return {};
}

/// The names of the kernel's features, in the order of their bits.
static Failure feature_names(const std::string &device, std::vector<std::string> &names)
{
	std::vector<uint64_t> space(4);
	auto *sets = reinterpret_cast<ethtool_sset_info *>(space.data());

	sets->cmd = ETHTOOL_GSSET_INFO;
	sets->sset_mask = 1ULL << ETH_SS_FEATURES;
	if (Failure failure = ethtool(device, sets))
		return failure;
	uint32_t count = sets->sset_mask ? sets->data[0] : 0;
	std::vector<uint8_t> bytes(sizeof(ethtool_gstrings) + count * ETH_GSTRING_LEN);
	auto *strings = reinterpret_cast<ethtool_gstrings *>(bytes.data());
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = count;
	if (Failure failure = ethtool(device, strings))
		return failure;
	for (uint32_t i = 0; i < count; i++) {
		const char *text = reinterpret_cast<char *>(strings->data + i * ETH_GSTRING_LEN);
		names.emplace_back(text, strnlen(text, ETH_GSTRING_LEN));
	}
	return {};
}

static Napi::Value interface_features(const Napi::CallbackInfo &info)
{
	std::string device = string_arg(info[0], "SIOCETHTOOL", "name");
	std::vector<std::string> names;
	Failure failure = feature_names(device, names);
	size_t words = (names.size() + 31) / 32;
	std::vector<uint8_t> bytes(sizeof(ethtool_gfeatures) +
				   words * sizeof(ethtool_get_features_block));
	auto *features = reinterpret_cast<ethtool_gfeatures *>(bytes.data());

	features->cmd = ETHTOOL_GFEATURES;
	features->size = words;
	if (!failure)
		failure = ethtool(device, features);
	if (failure)
		fail(info.Env(), failure, "interface " + device);
	Napi::Object out = Napi::Object::New(info.Env());
	for (size_t i = 0; i < names.size(); i++)
		if (!names[i].empty())
			out[names[i]] = (features->features[i / 32].active >> (i % 32) & 1) != 0;
	return out;
}

/// Calls `each` for every attribute of a generic netlink message.
static void each_attribute(const nlmsghdr *message, const std::function<void(const rtattr *)> &each)
{
	const auto *start = static_cast<const uint8_t *>(NLMSG_DATA(message)) + GENL_HDRLEN;
	auto *attribute = reinterpret_cast<const rtattr *>(start);
	int rest = static_cast<int>(message->nlmsg_len) - NLMSG_HDRLEN - GENL_HDRLEN;

	for (; RTA_OK(attribute, rest); attribute = RTA_NEXT(attribute, rest))
		each(attribute);
}

template <typename T> static void copy_attribute(const rtattr *attribute, uint16_t type, T &out)
{
	if (attribute->rta_type == type && RTA_PAYLOAD(attribute) >= sizeof(out))
		memcpy(&out, RTA_DATA(attribute), sizeof(out));
}

/// The number of a generic netlink family; 0 when the kernel has none of that name.
static Failure family_id(NetlinkSocket &socket, const char *name, uint16_t &id)
{
	genlmsghdr header = {.cmd = CTRL_CMD_GETFAMILY, .version = 1, .reserved = 0};
	NetlinkRequest request(GENL_ID_CTRL, 0, header);

	request.attribute(CTRL_ATTR_FAMILY_NAME, name, strlen(name) + 1);
	Failure failure = socket.ask(request, [&](const nlmsghdr *message) {
		each_attribute(message, [&](const rtattr *attribute) {
			copy_attribute(attribute, CTRL_ATTR_FAMILY_ID, id);
		});
	});
	return failure.error == ENOENT ? Failure{} : failure;
}

static Napi::Value xdp_features(const Napi::CallbackInfo &info)
{
	const char *call = "NETDEV_CMD_DEV_GET";
	uint32_t ifindex = u32_arg(info[0], call, "ifindex");
	std::string title = "interface " + std::to_string(ifindex);
	uint64_t features = 0;
	uint16_t family = 0;
	NetlinkSocket socket;
	Failure failure = socket.open(NETLINK_GENERIC);

	if (!failure)
		failure = family_id(socket, "netdev", family);
	if (failure)
		fail(info.Env(), failure, title);
	if (family == 0)
		return info.Env().Undefined();
	genlmsghdr header = {.cmd = NETDEV_DEV_GET, .version = 1, .reserved = 0};
	NetlinkRequest request(family, 0, header);
	request.attribute(NETDEV_DEV_IFINDEX, ifindex);
	failure = socket.ask(request, [&](const nlmsghdr *message) {
		each_attribute(message, [&](const rtattr *attribute) {
			copy_attribute(attribute, NETDEV_DEV_XDP_FEATURES, features);
		});
	});
	if (failure)
		fail(info.Env(), failure.error, call, title, failure.words);
	return Napi::Number::New(info.Env(), static_cast<double>(features));
}

static bool is_ingress(Napi::Value value, const char *call)
{
	std::string point = string_arg(value, call, "point");

	if (point != "ingress" && point != "egress")
		fail(value.Env(), EINVAL, call,
		     "point '" + point + "' must be 'ingress' or 'egress'");
	return point == "ingress";
}

/// The kind of each priority's filters: cls_u32 and others have several messages for one.
static std::map<uint32_t, std::string> filter_kinds(Napi::Env env, uint32_t ifindex, bool ingress)
{
	std::map<uint32_t, std::string> kinds;
	tcmsg header = {};
	NetlinkSocket socket;

	header.tcm_family = AF_UNSPEC;
	header.tcm_ifindex = static_cast<int>(ifindex);
	header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
	NetlinkRequest request(RTM_GETTFILTER, 0, header);
	auto each = [&](const nlmsghdr *message) {
		const auto *tc = static_cast<const tcmsg *>(NLMSG_DATA(message));
		auto *attribute = reinterpret_cast<const rtattr *>(tc + 1);
		int rest = static_cast<int>(message->nlmsg_len) - NLMSG_LENGTH(sizeof(*tc));
		for (; RTA_OK(attribute, rest); attribute = RTA_NEXT(attribute, rest))
			if (attribute->rta_type == TCA_KIND)
				kinds[TC_H_MAJ(tc->tcm_info) >> 16] =
					static_cast<const char *>(RTA_DATA(attribute));
	};
	Failure failure = socket.open();
	if (!failure)
		failure = socket.dump(request, each, [&] { kinds.clear(); });
	if (failure)
		fail(env, failure.error, "RTM_GETTFILTER", "interface " + std::to_string(ifindex),
		     failure.words);
	return kinds;
}

static Napi::Value tc_filters(const Napi::CallbackInfo &info)
{
	uint32_t ifindex = u32_arg(info[0], "RTM_GETTFILTER", "ifindex");
	bool ingress = is_ingress(info[1], "RTM_GETTFILTER");
	Napi::Array out = Napi::Array::New(info.Env());
	uint32_t at = 0;

	for (const auto &[priority, kind] : filter_kinds(info.Env(), ifindex, ingress)) {
		Napi::Object filter = Napi::Object::New(info.Env());
		filter["priority"] = priority;
		filter["kind"] = kind;
		out[at++] = filter;
	}
	return out;
}

static Napi::Value tcx_programs(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_prog_query";
	uint32_t ifindex = u32_arg(info[0], call, "ifindex");
	int point = is_ingress(info[1], call) ? TCX_INGRESS : TCX_EGRESS;
	uint32_t ids[TCX_PROGRAMS_MAX] = {};
	uint32_t flags = 0, count = TCX_PROGRAMS_MAX;
	// The interface takes the place of a cgroup's descriptor in the kernel's union.
	int error = bpf_prog_query(static_cast<int>(ifindex), static_cast<bpf_attach_type>(point),
				   0, &flags, ids, &count);

	// EINVAL: a kernel before 6.6, which has none.
	if (error && errno != EINVAL && errno != ENOENT)
		fail(info.Env(), errno, call, "tcx of interface " + std::to_string(ifindex));
	Napi::Array out = Napi::Array::New(info.Env());
	for (uint32_t i = 0; !error && i < count; i++)
		out[i] = ids[i];
	return out;
}

void define_device(Napi::Env env, Napi::Object exports)
{
	exports["interfaceFeatures"] =
		Napi::Function::New<interface_features>(env, "interfaceFeatures");
	exports["xdpFeatures"] = Napi::Function::New<xdp_features>(env, "xdpFeatures");
	exports["tcFilters"] = Napi::Function::New<tc_filters>(env, "tcFilters");
	exports["tcxPrograms"] = Napi::Function::New<tcx_programs>(env, "tcxPrograms");
}
