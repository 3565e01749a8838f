// Classic tc: a program as a direct-action filter of the clsact queueing discipline.
//
// Unlike a link, a filter stays until it is detached or its interface goes: nothing is closed here.
#include "program.h"

#include <bpf/libbpf.h>

#include <cstring>

/// Where a filter hangs: the four numbers that name it.
struct TcPoint {
	uint32_t ifindex;
	bpf_tc_attach_point point;
	uint32_t priority, handle;

	std::string title() const
	{
		return std::string("tc ") + (point == BPF_TC_INGRESS ? "ingress" : "egress") +
		       " of interface " + std::to_string(ifindex);
	}
};

class TcFilter : public Napi::ObjectWrap<TcFilter>
{
      public:
	using Init = TcPoint;
	static constexpr const char *name = "TcFilter";
	static constexpr napi_type_tag tag = {0x6c69626270662d74, 0x7300746366000001};
	static Napi::FunctionReference &class_of(Instance &i)
	{
		return i.tc_filter_class;
	}
	static Napi::Function define(Napi::Env env);

	explicit TcFilter(const Napi::CallbackInfo &info)
	    : Napi::ObjectWrap<TcFilter>(info), point_(take_pending<TcFilter>(info))
	{
	}

      private:
	static Napi::Value attach(const Napi::CallbackInfo &info);
	static Napi::Value detach_named(const Napi::CallbackInfo &info);
	void detach(const Napi::CallbackInfo &info);

	TcPoint point_;
	bool attached_ = true;
};

/// Of the kernel's: 1 is asked for first, and both numbers name the filter for a later process.
static constexpr uint32_t DEFAULT_PRIORITY = 1;
static constexpr uint32_t DEFAULT_HANDLE = 1;

static bpf_tc_hook hook_of(const TcPoint &point)
{
	bpf_tc_hook hook = {};

	hook.sz = sizeof(hook);
	hook.ifindex = static_cast<int>(point.ifindex);
	hook.attach_point = point.point;
	return hook;
}

static bpf_tc_attach_point point_arg(Napi::Value value, const char *call)
{
	std::string point = string_arg(value, call, "point");

	if (point != "ingress" && point != "egress")
		fail(value.Env(), EINVAL, call,
		     "point '" + point + "' must be 'ingress' or 'egress'");
	return point == "ingress" ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

/// Whether the filter was there. A missing device, clsact or filter is "no", not a failure.
static bool detach_filter(Napi::Env env, const TcPoint &point)
{
	const char *call = "bpf_tc_detach";
	bpf_tc_hook hook = hook_of(point);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	LogCapture log;

	opts.priority = point.priority;
	opts.handle = point.handle;
	if (!bpf_tc_detach(&hook, &opts))
		return true;
	int error = errno;
	// "Parent Qdisc doesn't exists" [sic] comes as a bare EINVAL.
	bool no_clsact = error == EINVAL && log.text().find("Parent Qdisc") != std::string::npos;
	if (error != ENOENT && error != ENODEV && !no_clsact)
		fail(env, error, call, point.title(), log.text());
	return false;
}

Napi::Value TcFilter::attach(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_tc_attach";
	Napi::Env env = info.Env();
	BpfProgram &program = unwrap_arg<BpfProgram>(info[0], call, "program");
	TcPoint point = {u32_arg(info[1], call, "ifindex"), point_arg(info[2], call),
			 u32_arg(info[3], call, "priority", DEFAULT_PRIORITY),
			 u32_arg(info[4], call, "handle", DEFAULT_HANDLE)};
	bpf_tc_hook hook = hook_of(point);
	LIBBPF_OPTS(bpf_tc_opts, opts);

	opts.prog_fd = program.fd(env, call);
	opts.priority = point.priority;
	opts.handle = point.handle;
	opts.flags = BPF_TC_F_REPLACE;
	{
		LogCapture log;
		int error = bpf_tc_hook_create(&hook) ? errno : 0;
		if (error && error != EEXIST)
			fail(env, error, "bpf_tc_hook_create", point.title(), log.text());
	}
	LogCapture log;
	if (bpf_tc_attach(&hook, &opts))
		fail(env, errno, call, program.title() + " to " + point.title(), log.text());
	return construct<TcFilter>(env, std::move(point));
}

Napi::Value TcFilter::detach_named(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_tc_detach";
	TcPoint point = {u32_arg(info[0], call, "ifindex"), point_arg(info[1], call),
			 u32_arg(info[2], call, "priority"), u32_arg(info[3], call, "handle")};

	return Napi::Boolean::New(info.Env(), detach_filter(info.Env(), point));
}

void TcFilter::detach(const Napi::CallbackInfo &info)
{
	if (attached_)
		detach_filter(info.Env(), point_);
	attached_ = false;
}

Napi::Function TcFilter::define(Napi::Env env)
{
	return DefineClass(env, name,
			   {
				   StaticMethod<&TcFilter::attach>("attach"),
				   StaticMethod<&TcFilter::detach_named>("detach"),
				   InstanceMethod<&TcFilter::detach>("detach"),
			   });
}

void define_tc(Napi::Env env, Napi::Object exports)
{
	Napi::Function constructor = TcFilter::define(env);

	Instance::of(env).tc_filter_class = Napi::Persistent(constructor);
	exports["TcFilter"] = constructor;
}
