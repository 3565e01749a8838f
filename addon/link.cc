// bpf_links that attach a program to an interface: XDP, and tcx on kernels since 6.6.
//
// A link is a descriptor: the program stays attached while the link is open or pinned, and is
// replaced in one step. Both classes are one template; they differ in the attach call and flags.
#include "netlink.h"
#include "program.h"
#include "map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <cstring>

/// From Linux 6.6's enum bpf_attach_type; libbpf 1.1 passes numbers it does not know to the kernel.
static constexpr int ATTACH_TCX_INGRESS = 46;
static constexpr int ATTACH_TCX_EGRESS = 47;
static constexpr uint32_t LINK_TYPE_TCX = 11;

struct XdpKind {
	static constexpr const char *name = "XdpLink";
	static constexpr const char *where = "mode";
	static constexpr uint32_t type = BPF_LINK_TYPE_XDP;
	static constexpr napi_type_tag tag = {0x6c69626270662d74, 0x7300786470000001};
	static Napi::FunctionReference &class_of(Instance &i)
	{
		return i.xdp_link_class;
	}
	static Fd attach(Napi::Env env, BpfProgram &program, uint32_t ifindex,
			 const std::string &mode);
};

struct TcxKind {
	static constexpr const char *name = "TcxLink";
	static constexpr const char *where = "point";
	static constexpr uint32_t type = LINK_TYPE_TCX;
	static constexpr napi_type_tag tag = {0x6c69626270662d74, 0x7300746378000001};
	static Napi::FunctionReference &class_of(Instance &i)
	{
		return i.tcx_link_class;
	}
	static Fd attach(Napi::Env env, BpfProgram &program, uint32_t ifindex,
			 const std::string &point);
};

template <typename Kind> class Link : public Napi::ObjectWrap<Link<Kind>>
{
      public:
	using Init = Fd;
	static constexpr const char *name = Kind::name;
	static constexpr const napi_type_tag &tag = Kind::tag;
	static Napi::FunctionReference &class_of(Instance &i)
	{
		return Kind::class_of(i);
	}
	static Napi::Function define(Napi::Env env);

	explicit Link(const Napi::CallbackInfo &info)
	    : Napi::ObjectWrap<Link<Kind>>(info), fd_(take_pending<Link<Kind>>(info))
	{
	}

      private:
	static Napi::Value attach(const Napi::CallbackInfo &info);
	static Napi::Value from_pin(const Napi::CallbackInfo &info);
	Napi::Value get_info(const Napi::CallbackInfo &info);
	void update(const Napi::CallbackInfo &info);
	void pin(const Napi::CallbackInfo &info);
	void detach(const Napi::CallbackInfo &info);
	void close(const Napi::CallbackInfo &)
	{
		fd_.reset();
	}

	int fd(Napi::Env env, const char *call) const
	{
		if (!fd_.open())
			fail_closed(env, call, name);
		return fd_.get();
	}

	Fd fd_;
};

/// Refusals that netlink explains, and that it gives again when asked the same.
static bool is_explained(int error)
{
	return error == EBUSY || error == EEXIST || error == EINVAL || error == EOPNOTSUPP ||
	       error == ERANGE;
}

/// bpf() has no extended acknowledgement for links, so a refused attach is asked once more by
/// netlink, which has: "Peer MTU is too large to set XDP". Should that one succeed, it is undone.
static std::string xdp_refusal(int program_fd, uint32_t ifindex, uint32_t mode_flag)
{
	// bpf() says EINVAL of an interface that is not there.
	static const char no_interface[] = "No such interface";
	NetlinkSocket socket;

	auto set = [&](int fd, uint32_t flags) {
		ifinfomsg header = {};
		header.ifi_index = static_cast<int>(ifindex);
		NetlinkRequest request(RTM_SETLINK, 0, header);
		size_t nest = request.begin(IFLA_XDP);
		request.attribute(IFLA_XDP_FD, &fd, sizeof(fd));
		request.attribute(IFLA_XDP_FLAGS, flags);
		request.attribute(IFLA_XDP_EXPECTED_FD, &program_fd, sizeof(program_fd));
		request.end(nest);
		return socket.ask(request);
	};

	if (socket.open())
		return "";
	Failure failure = set(program_fd, XDP_FLAGS_UPDATE_IF_NOEXIST | mode_flag);
	if (!failure)
		set(-1, XDP_FLAGS_REPLACE | mode_flag);
	return failure.error == ENODEV ? no_interface : failure.words;
}

Fd XdpKind::attach(Napi::Env env, BpfProgram &program, uint32_t ifindex, const std::string &mode)
{
	const char *call = "bpf_link_create";
	int program_fd = program.fd(env, call);
	LIBBPF_OPTS(bpf_link_create_opts, opts);

	if (mode != "native" && mode != "generic")
		fail(env, EINVAL, call, "mode '" + mode + "' must be 'native' or 'generic'");
	opts.flags = mode == "native" ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	Fd fd(bpf_link_create(program_fd, ifindex, BPF_XDP, &opts));
	if (!fd.open()) {
		int error = errno;
		std::string words =
			is_explained(error) ? xdp_refusal(program_fd, ifindex, opts.flags) : "";
		fail(env, error, call,
		     program.title() + " to interface " + std::to_string(ifindex) + ", " + mode +
			     " XDP",
		     words);
	}
	return fd;
}

Fd TcxKind::attach(Napi::Env env, BpfProgram &program, uint32_t ifindex, const std::string &point)
{
	const char *call = "bpf_link_create";
	int program_fd = program.fd(env, call);

	if (point != "ingress" && point != "egress")
		fail(env, EINVAL, call, "point '" + point + "' must be 'ingress' or 'egress'");
	int type = point == "ingress" ? ATTACH_TCX_INGRESS : ATTACH_TCX_EGRESS;
	Fd fd(bpf_link_create(program_fd, ifindex, static_cast<bpf_attach_type>(type), nullptr));
	if (!fd.open())
		fail(env, errno, call,
		     program.title() + " to interface " + std::to_string(ifindex) + ", tcx " +
			     point);
	return fd;
}

template <typename Kind> Napi::Value Link<Kind>::attach(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_link_create";
	BpfProgram &program = unwrap_arg<BpfProgram>(info[0], call, "program");
	uint32_t ifindex = u32_arg(info[1], call, "ifindex");
	std::string where = string_arg(info[2], call, Kind::where);

	return construct<Link>(info.Env(), Kind::attach(info.Env(), program, ifindex, where));
}

template <typename Kind> Napi::Value Link<Kind>::from_pin(const Napi::CallbackInfo &info)
{
	std::string path = string_arg(info[0], "bpf_obj_get", "path");
	Fd fd(bpf_obj_get(path.c_str()));

	if (!fd.open())
		fail(info.Env(), errno, "bpf_obj_get", path);
	bpf_link_info link = {};
	uint32_t size = sizeof(link);
	if (!is_kind(fd.get(), "link") || bpf_obj_get_info_by_fd(fd.get(), &link, &size) ||
	    link.type != Kind::type)
		fail(info.Env(), EINVAL, "bpf_obj_get",
		     path + " is not a pinned " + std::string(name));
	return construct<Link>(info.Env(), std::move(fd));
}

template <typename Kind> Napi::Value Link<Kind>::get_info(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_obj_get_info_by_fd";
	bpf_link_info link = {};
	uint32_t size = sizeof(link);

	if (bpf_obj_get_info_by_fd(fd(info.Env(), call), &link, &size))
		fail(info.Env(), errno, call, name);
	Napi::Object out = Napi::Object::New(info.Env());
	out["id"] = link.id;
	// tcx keeps its interface in the same place of the union.
	out["ifindex"] = link.xdp.ifindex;
	out["programId"] = link.prog_id;
	return out;
}

template <typename Kind> void Link<Kind>::update(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_link_update";
	BpfProgram &program = unwrap_arg<BpfProgram>(info[0], call, "program");

	if (bpf_link_update(fd(info.Env(), call), program.fd(info.Env(), call), nullptr))
		fail(info.Env(), errno, call, program.title());
}

template <typename Kind> void Link<Kind>::pin(const Napi::CallbackInfo &info)
{
	int link_fd = fd(info.Env(), "bpf_obj_pin");
	std::string path = string_arg(info[0], "bpf_obj_pin", "path");

	if (bpf_obj_pin(link_fd, path.c_str()))
		fail(info.Env(), errno, "bpf_obj_pin", std::string(name) + " at " + path);
}

template <typename Kind> void Link<Kind>::detach(const Napi::CallbackInfo &info)
{
	if (bpf_link_detach(fd(info.Env(), "bpf_link_detach")))
		fail(info.Env(), errno, "bpf_link_detach", name);
}

template <typename Kind> Napi::Function Link<Kind>::define(Napi::Env env)
{
	using Self = Link<Kind>;

	return Self::DefineClass(env, name,
				 {
					 Self::template StaticMethod<&Self::attach>("attach"),
					 Self::template StaticMethod<&Self::from_pin>("fromPin"),
					 Self::template InstanceAccessor<&Self::get_info>("info"),
					 Self::template InstanceMethod<&Self::update>("update"),
					 Self::template InstanceMethod<&Self::pin>("pin"),
					 Self::template InstanceMethod<&Self::detach>("detach"),
					 Self::template InstanceMethod<&Self::close>("close"),
				 });
}

void define_links(Napi::Env env, Napi::Object exports)
{
	Napi::Function xdp = Link<XdpKind>::define(env);
	Napi::Function tcx = Link<TcxKind>::define(env);

	Instance::of(env).xdp_link_class = Napi::Persistent(xdp);
	Instance::of(env).tcx_link_class = Napi::Persistent(tcx);
	exports["XdpLink"] = xdp;
	exports["TcxLink"] = tcx;
}
