// The module's entry: state for this environment, then each file's exports.
#include "addon.h"

/// Called once by index.ts, which owns the class: failures become instances of it.
static void use_error_class(const Napi::CallbackInfo &info)
{
	Napi::Function constructor = function_arg(info[0], "useErrorClass", "constructor");

	Instance::of(info.Env()).error_class = Napi::Persistent(constructor);
}

static Napi::Object init(Napi::Env env, Napi::Object exports)
{
	env.SetInstanceData(new Instance());
	install_log_callback();
	exports["useErrorClass"] = Napi::Function::New<use_error_class>(env, "useErrorClass");
	define_atomics(env, exports);
	define_device(env, exports);
	define_links(env, exports);
	define_map(env, exports);
	define_netlink(env, exports);
	define_object(env, exports);
	define_program(env, exports);
	define_ring(env, exports);
	define_system(env, exports);
	define_tc(env, exports);
	return exports;
}

NODE_API_MODULE(libbpf_ts, init)
