// Facts of this machine, and the network namespace of the calling thread.
#include "addon.h"

#include <bpf/libbpf.h>
#include <net/if.h>
#include <sched.h>

#include <ctime>

static Napi::Value possible_cpus(const Napi::CallbackInfo &info)
{
	int count = libbpf_num_possible_cpus();

	if (count < 0)
		fail(info.Env(), -count, "libbpf_num_possible_cpus", "");
	return Napi::Number::New(info.Env(), count);
}

static Napi::Value coarse_clock_ns(const Napi::CallbackInfo &info)
{
	timespec resolution = {};

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution))
		fail(info.Env(), errno, "clock_getres", "CLOCK_MONOTONIC_COARSE");
	return Napi::Number::New(info.Env(), resolution.tv_sec * 1e9 + resolution.tv_nsec);
}

static Napi::Value interface_index(const Napi::CallbackInfo &info)
{
	std::string name = string_arg(info[0], "if_nametoindex", "name");

	return Napi::Number::New(info.Env(), if_nametoindex(name.c_str()));
}

static void unshare_network(const Napi::CallbackInfo &info)
{
	if (unshare(CLONE_NEWNET))
		fail(info.Env(), errno, "unshare", "CLONE_NEWNET");
}

static void enter_network(const Napi::CallbackInfo &info)
{
	std::string path =
		info[0].IsNumber()
			? "/proc/" + std::to_string(u32_arg(info[0], "setns", "pid")) + "/ns/net"
			: string_arg(info[0], "setns", "pathOrPid");
	Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));

	if (!fd.open())
		fail(info.Env(), errno, "open", path);
	if (setns(fd.get(), CLONE_NEWNET))
		fail(info.Env(), errno, "setns", path);
}

void define_system(Napi::Env env, Napi::Object exports)
{
	exports["possibleCpus"] = Napi::Function::New<possible_cpus>(env, "possibleCpus");
	exports["coarseClockNs"] = Napi::Function::New<coarse_clock_ns>(env, "coarseClockNs");
	exports["interfaceIndex"] = Napi::Function::New<interface_index>(env, "interfaceIndex");
	exports["unshareNetwork"] = Napi::Function::New<unshare_network>(env, "unshareNetwork");
	exports["enterNetwork"] = Napi::Function::New<enter_network>(env, "enterNetwork");
}
