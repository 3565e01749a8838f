// What every file of the addon shares: file descriptors, errors, arguments, per-environment state.
//
// The rules of this folder: bytes, file descriptors and errno only, nothing about what the
// programs do. Every argument is checked before a pointer is made of it, every failure is a
// BpfError, and nothing outlives its environment except a mapping still held by an ArrayBuffer.
// Read next: index.ts for what JavaScript sees, object.cc for the life of an object.
#pragma once

#include <napi.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// An owned file descriptor; -1 when there is none.
class Fd
{
      public:
	Fd() = default;
	explicit Fd(int fd) : fd_(fd)
	{
	}
	Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1))
	{
	}
	Fd &operator=(Fd &&other) noexcept
	{
		if (this != &other)
			reset(std::exchange(other.fd_, -1));
		return *this;
	}
	~Fd()
	{
		reset();
	}

	static Fd duplicate(int fd)
	{
		return Fd(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	}

	int get() const
	{
		return fd_;
	}
	bool open() const
	{
		return fd_ >= 0;
	}
	void reset(int fd = -1)
	{
		if (fd_ >= 0)
			close(fd_);
		fd_ = fd;
	}

      private:
	int fd_ = -1;
};

/// Memory mapped read-only: a store there would kill the process, so the atomics look here first.
struct Range {
	const uint8_t *start;
	size_t size;
};
using Ranges = std::vector<Range>;

/// State of one environment (the main thread or one worker). Never static: environments end.
struct Instance {
	Napi::FunctionReference error_class;
	Napi::FunctionReference map_class;
	Napi::FunctionReference program_class;
	Napi::FunctionReference xdp_link_class;
	Napi::FunctionReference tcx_link_class;
	Napi::FunctionReference tc_filter_class;
	Napi::FunctionReference object_class;
	/// What the constructor being called from C++ takes over; null when JavaScript says `new`.
	void *pending = nullptr;
	std::shared_ptr<Ranges> read_only = std::make_shared<Ranges>();

	static Instance &of(Napi::Env env)
	{
		return *env.GetInstanceData<Instance>();
	}
};

/// What failed: errno as a positive number, the call, and what the kernel or libbpf said of it.
struct Failure {
	int error = 0;
	const char *call = "";
	std::string words = {};

	explicit operator bool() const
	{
		return error != 0;
	}
};

/// Throws a BpfError. `what` says on what the call was made, or which rule an argument broke.
[[noreturn]] void fail(Napi::Env env, int error, const char *call, const std::string &what,
		       const std::string &log = "");
[[noreturn]] void fail(Napi::Env env, const Failure &failure, const std::string &what);
[[noreturn]] void fail_closed(Napi::Env env, const char *call, const char *thing);

/// Collects libbpf's warnings on this thread for as long as it lives.
class LogCapture
{
      public:
	LogCapture();
	~LogCapture();
	LogCapture(const LogCapture &) = delete;
	LogCapture &operator=(const LogCapture &) = delete;

	std::string text() const;
	void append(const char *text, size_t size);

      private:
	LogCapture *outer_;
	std::string text_;
};
void install_log_callback();

struct Bytes {
	uint8_t *data;
	size_t size;
};

// Arguments. Each throws EINVAL with a sentence when the value is not what `name` must be.
Bytes bytes_arg(Napi::Value value, const char *call, const char *name);
std::string string_arg(Napi::Value value, const char *call, const char *name);
uint32_t u32_arg(Napi::Value value, const char *call, const char *name);
uint32_t u32_arg(Napi::Value value, const char *call, const char *name, uint32_t fallback);
bool bool_arg(Napi::Value value, const char *call, const char *name, bool fallback);
Napi::Function function_arg(Napi::Value value, const char *call, const char *name);
Napi::Object object_arg(Napi::Value value, const char *call, const char *name);

Napi::Uint8Array copy_bytes(Napi::Env env, const void *data, size_t size);

/// Makes a T from C++: its constructor finds `init` as pending and takes it over.
template <typename T> Napi::Value construct(Napi::Env env, typename T::Init &&init)
{
	Instance &instance = Instance::of(env);
	struct Reset {
		Instance &instance;
		~Reset()
		{
			instance.pending = nullptr;
		}
	} reset{instance};

	instance.pending = &init;
	return T::class_of(instance).New({});
}

/// The other half of construct(): JavaScript's own `new` finds nothing pending and is refused.
template <typename T> typename T::Init take_pending(const Napi::CallbackInfo &info)
{
	void *pending = std::exchange(Instance::of(info.Env()).pending, nullptr);

	if (!pending)
		fail(info.Env(), EINVAL, T::name, "made by its static functions, not by new");
	info.This().As<Napi::Object>().TypeTag(&T::tag);
	return std::move(*static_cast<typename T::Init *>(pending));
}

/// The C++ half of a JavaScript object. The tag tells a real T from anything made to look like it.
template <typename T> T *try_unwrap(Napi::Value value)
{
	if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&T::tag))
		return nullptr;
	return T::Unwrap(value.As<Napi::Object>());
}

template <typename T> T &unwrap_arg(Napi::Value value, const char *call, const char *name)
{
	T *thing = try_unwrap<T>(value);

	if (!thing)
		fail(value.Env(), EINVAL, call, std::string(name) + " must be a " + T::name);
	return *thing;
}

// One per file: adds that file's exports.
void define_atomics(Napi::Env env, Napi::Object exports);
void define_device(Napi::Env env, Napi::Object exports);
void define_links(Napi::Env env, Napi::Object exports);
void define_map(Napi::Env env, Napi::Object exports);
void define_netlink(Napi::Env env, Napi::Object exports);
void define_object(Napi::Env env, Napi::Object exports);
void define_program(Napi::Env env, Napi::Object exports);
void define_ring(Napi::Env env, Napi::Object exports);
void define_system(Napi::Env env, Napi::Object exports);
void define_tc(Napi::Env env, Napi::Object exports);
