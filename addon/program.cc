// Loaded programs: what the kernel says of them, and running them on given bytes.
#include "program.h"
#include "map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>

#include <cstring>

/// Room a run's frame may grow by: no XDP or tc helper adds more than a page at once.
static constexpr uint32_t GROWTH_BYTES = 4096;

/// A run that is repeated ends with EINTR when its thread has work pending, and libuv's io_uring,
/// after a child process for one, makes such work at any time. It is over by the next try.
static constexpr int INTERRUPTS_MAX = 20;

/// Maps of one program read back; the verifier allows 64 used maps.
static constexpr uint32_t MAP_IDS_MAX = 64;

BpfProgram::BpfProgram(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<BpfProgram>(info), fd_(take_pending<BpfProgram>(info))
{
	bpf_prog_info program = {};
	uint32_t size = sizeof(program);

	if (bpf_obj_get_info_by_fd(fd_.get(), &program, &size))
		fail(info.Env(), errno, "bpf_obj_get_info_by_fd", "program");
	name_ = program.name;
}

int BpfProgram::fd(Napi::Env env, const char *call) const
{
	if (!fd_.open())
		fail_closed(env, call, title().c_str());
	return fd_.get();
}

std::string BpfProgram::title() const
{
	return "program '" + name_ + "'";
}

Napi::Value BpfProgram::from_pin(const Napi::CallbackInfo &info)
{
	std::string path = string_arg(info[0], "bpf_obj_get", "path");
	Fd fd(bpf_obj_get(path.c_str()));

	if (!fd.open())
		fail(info.Env(), errno, "bpf_obj_get", path);
	if (!is_kind(fd.get(), "bpf-prog"))
		fail(info.Env(), EINVAL, "bpf_obj_get", path + " is not a pinned program");
	return construct<BpfProgram>(info.Env(), std::move(fd));
}

Napi::Value BpfProgram::from_id(const Napi::CallbackInfo &info)
{
	uint32_t id = u32_arg(info[0], "bpf_prog_get_fd_by_id", "id");
	Fd fd(bpf_prog_get_fd_by_id(id));

	if (!fd.open())
		fail(info.Env(), errno, "bpf_prog_get_fd_by_id",
		     "program id " + std::to_string(id));
	return construct<BpfProgram>(info.Env(), std::move(fd));
}

static std::string tag_text(const uint8_t (&tag)[BPF_TAG_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	std::string text;

	for (uint8_t byte : tag) {
		text += digits[byte >> 4];
		text += digits[byte & 15];
	}
	return text;
}

Napi::Value BpfProgram::get_info(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_obj_get_info_by_fd";
	Napi::Env env = info.Env();
	bpf_prog_info program = {};
	uint32_t size = sizeof(program);
	uint32_t map_ids[MAP_IDS_MAX] = {};

	program.nr_map_ids = MAP_IDS_MAX;
	program.map_ids = reinterpret_cast<uintptr_t>(map_ids);
	if (bpf_obj_get_info_by_fd(fd(env, call), &program, &size))
		fail(env, errno, call, title());

	uint32_t map_count = std::min(program.nr_map_ids, MAP_IDS_MAX);
	Napi::Array maps = Napi::Array::New(env, map_count);
	for (uint32_t i = 0; i < map_count; i++)
		maps[i] = Napi::Number::New(env, map_ids[i]);

	Napi::Object out = Napi::Object::New(env);
	out["id"] = program.id;
	out["name"] = program.name;
	out["type"] = program.type;
	out["tag"] = tag_text(program.tag);
	out["xlatedBytes"] = program.xlated_prog_len;
	out["jitedBytes"] = program.jited_prog_len;
	out["verifiedInsns"] = program.verified_insns;
	out["mapIds"] = maps;
	out["runCount"] = static_cast<double>(program.run_cnt);
	out["runTimeNs"] = static_cast<double>(program.run_time_ns);
	return out;
}

Napi::Value BpfProgram::get_fd(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), fd(info.Env(), "fd"));
}

/// Keeps this thread on one CPU while it lives, so that the run happens there.
class OnCpu
{
      public:
	OnCpu(Napi::Env env, const char *call, Napi::Value cpu)
	{
		if (cpu.IsUndefined())
			return;
		uint32_t number = u32_arg(cpu, call, "cpu");
		cpu_set_t only;
		CPU_ZERO(&only);
		if (number >= CPU_SETSIZE)
			fail(env, EINVAL, call, "cpu must be below 1024");
		CPU_SET(number, &only);
		if (sched_getaffinity(0, sizeof(before_), &before_) ||
		    sched_setaffinity(0, sizeof(only), &only))
			fail(env, errno, "sched_setaffinity", "cpu " + std::to_string(number));
		moved_ = true;
	}
	~OnCpu()
	{
		if (moved_)
			sched_setaffinity(0, sizeof(before_), &before_);
	}

      private:
	cpu_set_t before_;
	bool moved_ = false;
};

/// The arguments of a run; all of them are read before a pointer is taken of any.
struct RunOptions {
	RunOptions(Napi::Object options, const char *call)
	{
		data_value = options.Get("data");
		ctx_value = options.Get("ctx");
		cpu = options.Get("cpu");
		live = bool_arg(options.Get("live"), call, "live", false);
		repeat = u32_arg(options.Get("repeat"), call, "repeat", 0);
		batch_size = u32_arg(options.Get("batchSize"), call, "batchSize", 0);
		Napi::Value out_value = options.Get("dataSizeOut");
		if (!data_value.IsUndefined())
			data = bytes_arg(data_value, call, "data");
		if (!ctx_value.IsUndefined())
			ctx = bytes_arg(ctx_value, call, "ctx");
		data_size_out = u32_arg(out_value, call, "dataSizeOut",
					data.size ? data.size + GROWTH_BYTES : 0);
	}

	Napi::Value data_value, ctx_value, cpu;
	Bytes data = {nullptr, 0}, ctx = {nullptr, 0};
	bool live;
	uint32_t repeat, batch_size, data_size_out;
};

/// 0 or errno. The sizes in `opts` are what room there is on the way in: each try needs them anew.
static int run_uninterrupted(int program_fd, bpf_test_run_opts &opts)
{
	const bpf_test_run_opts asked = opts;
	int error = EINTR;

	for (int tries = 0; error == EINTR && tries < INTERRUPTS_MAX; tries++) {
		opts = asked;
		error = bpf_prog_test_run_opts(program_fd, &opts) ? errno : 0;
	}
	return error;
}

Napi::Value BpfProgram::test_run(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_prog_test_run_opts";
	Napi::Env env = info.Env();
	int program_fd = fd(env, call);
	RunOptions options(object_arg(info[0], call, "options"), call);
	// Live frames leave by the network: the kernel refuses to hand anything back.
	std::vector<uint8_t> data(options.live ? 0 : options.data_size_out);
	std::vector<uint8_t> ctx(options.live ? 0 : options.ctx.size);
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	OnCpu pinned(env, call, options.cpu);

	opts.data_in = options.data.size ? options.data.data : nullptr;
	opts.data_size_in = options.data.size;
	opts.data_out = data.empty() ? nullptr : data.data();
	opts.data_size_out = data.size();
	opts.ctx_in = options.ctx.size ? options.ctx.data : nullptr;
	opts.ctx_size_in = options.ctx.size;
	opts.ctx_out = ctx.empty() ? nullptr : ctx.data();
	opts.ctx_size_out = ctx.size();
	opts.repeat = options.repeat;
	opts.batch_size = options.batch_size;
	opts.flags = options.live ? BPF_F_TEST_XDP_LIVE_FRAMES : 0;
	if (int error = run_uninterrupted(program_fd, opts))
		fail(env, error, call,
		     title() + ", " + std::to_string(options.data.size) + " bytes");

	Napi::Object out = Napi::Object::New(env);
	out["retval"] = opts.retval;
	out["durationNs"] = opts.duration;
	out["data"] =
		copy_bytes(env, data.data(), std::min<size_t>(opts.data_size_out, data.size()));
	out["ctx"] = copy_bytes(env, ctx.data(), std::min<size_t>(opts.ctx_size_out, ctx.size()));
	return out;
}

void BpfProgram::pin(const Napi::CallbackInfo &info)
{
	int program_fd = fd(info.Env(), "bpf_obj_pin");
	std::string path = string_arg(info[0], "bpf_obj_pin", "path");

	if (bpf_obj_pin(program_fd, path.c_str()))
		fail(info.Env(), errno, "bpf_obj_pin", title() + " at " + path);
}

void BpfProgram::close(const Napi::CallbackInfo &)
{
	fd_.reset();
}

Napi::Function BpfProgram::define(Napi::Env env)
{
	return DefineClass(env, name,
			   {
				   StaticMethod<&BpfProgram::from_pin>("fromPin"),
				   StaticMethod<&BpfProgram::from_id>("fromId"),
				   InstanceAccessor<&BpfProgram::get_info>("info"),
				   InstanceAccessor<&BpfProgram::get_fd>("fd"),
				   InstanceMethod<&BpfProgram::test_run>("testRun"),
				   InstanceMethod<&BpfProgram::pin>("pin"),
				   InstanceMethod<&BpfProgram::close>("close"),
			   });
}

void define_program(Napi::Env env, Napi::Object exports)
{
	Napi::Function constructor = BpfProgram::define(env);

	Instance::of(env).program_class = Napi::Persistent(constructor);
	exports["BpfProgram"] = constructor;
}
