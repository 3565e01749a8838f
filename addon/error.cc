// Failures and arguments: errno names, libbpf's log, BpfError, and the checks at the edge.
#include "addon.h"

#include <bpf/libbpf.h>

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>

/// Verifier logs reach 16 MB; what matters is at the end.
static constexpr size_t LOG_BYTES_MAX = 1 << 20;

/// The kernel's own ENOTSUPP, which it should not but does return to user space.
static constexpr int ENOTSUPP = 524;

static thread_local LogCapture *current_capture = nullptr;

static const char *libbpf_error_name(int error)
{
	static const char *const names[] = {
		"LIBBPF_LIBELF",   "LIBBPF_FORMAT",  "LIBBPF_KVERSION", "LIBBPF_ENDIAN",
		"LIBBPF_INTERNAL", "LIBBPF_RELOC",   "LIBBPF_LOAD",	"LIBBPF_VERIFY",
		"LIBBPF_PROG2BIG", "LIBBPF_KVER",    "LIBBPF_PROGTYPE", "LIBBPF_WRNGPID",
		"LIBBPF_INVSEQ",   "LIBBPF_NLPARSE",
	};
	size_t index = error - __LIBBPF_ERRNO__START;

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : "UNKNOWN";
}

static std::string error_code(int error)
{
	if (error >= __LIBBPF_ERRNO__START)
		return libbpf_error_name(error);
	if (error == ENOTSUPP)
		return "ENOTSUPP";
	const char *name = strerrorname_np(error);
	return name ? name : "UNKNOWN";
}

static std::string error_text(int error)
{
	char text[128] = "";

	if (error == ENOTSUPP)
		return "Operation not supported";
	libbpf_strerror(error, text, sizeof(text));
	return text;
}

static int print_to_capture(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!current_capture || level != LIBBPF_WARN)
		return 0;

	va_list again;
	va_copy(again, args);
	int size = vsnprintf(nullptr, 0, format, again);
	va_end(again);
	if (size <= 0)
		return 0;

	std::string text(size + 1, '\0');
	vsnprintf(text.data(), text.size(), format, args);
	current_capture->append(text.data(), size);
	return 0;
}

void install_log_callback()
{
	static std::once_flag once;

	std::call_once(once, [] { libbpf_set_print(print_to_capture); });
}

LogCapture::LogCapture() : outer_(current_capture)
{
	current_capture = this;
}

LogCapture::~LogCapture()
{
	current_capture = outer_;
}

void LogCapture::append(const char *text, size_t size)
{
	static const std::string prefixes[] = {"libbpf: ", "Kernel error message: "};
	std::string_view rest(text, size);

	for (const std::string &prefix : prefixes)
		if (rest.starts_with(prefix))
			rest.remove_prefix(prefix.size());
	text_ += rest;
	if (text_.size() > LOG_BYTES_MAX)
		text_.erase(0, text_.size() - LOG_BYTES_MAX);
}

std::string LogCapture::text() const
{
	size_t end = text_.find_last_not_of('\n');

	return end == std::string::npos ? "" : text_.substr(0, end + 1);
}

/// `call of what: strerror (CODE): words`, the words only when they are one line.
static std::string error_message(int error, const char *call, const std::string &what,
				 const std::string &log)
{
	std::string message = std::string(call) + ": ";

	if (!what.empty())
		message += what + ": ";
	message += error_text(error) + " (" + error_code(error) + ")";
	if (!log.empty() && log.find('\n') == std::string::npos)
		message += ": " + log;
	return message;
}

void fail(Napi::Env env, int error, const char *call, const std::string &what,
	  const std::string &log)
{
	Napi::Object fields = Napi::Object::New(env);
	Napi::Value message = Napi::String::New(env, error_message(error, call, what, log));
	Instance &instance = Instance::of(env);

	fields["code"] = error_code(error);
	fields["errno"] = error;
	fields["syscall"] = call;
	fields["log"] = log;
	if (instance.error_class.IsEmpty())
		throw Napi::Error::New(env, message.As<Napi::String>());
	throw Napi::Error(env, instance.error_class.New({message, fields}));
}

void fail(Napi::Env env, const Failure &failure, const std::string &what)
{
	fail(env, failure.error, failure.call, what, failure.words);
}

void fail_closed(Napi::Env env, const char *call, const char *thing)
{
	fail(env, EBADF, call, std::string(thing) + " is closed");
}

[[noreturn]] static void refuse(Napi::Value value, const char *call, const char *name,
				const char *rule)
{
	fail(value.Env(), EINVAL, call, std::string(name) + " must be " + rule);
}

Bytes bytes_arg(Napi::Value value, const char *call, const char *name)
{
	if (!value.IsTypedArray() ||
	    value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
		refuse(value, call, name, "a Uint8Array");
	Napi::Uint8Array array = value.As<Napi::Uint8Array>();
	return {array.Data(), array.ByteLength()};
}

std::string string_arg(Napi::Value value, const char *call, const char *name)
{
	if (!value.IsString())
		refuse(value, call, name, "a string");
	std::string text = value.As<Napi::String>().Utf8Value();
	if (text.empty() || text.find('\0') != std::string::npos)
		refuse(value, call, name, "a string that is not empty and has no NUL");
	return text;
}

uint32_t u32_arg(Napi::Value value, const char *call, const char *name)
{
	double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;

	if (!(number >= 0 && number <= UINT32_MAX) || number != std::floor(number))
		refuse(value, call, name, "a whole number from 0 to 4294967295");
	return static_cast<uint32_t>(number);
}

uint32_t u32_arg(Napi::Value value, const char *call, const char *name, uint32_t fallback)
{
	return value.IsUndefined() ? fallback : u32_arg(value, call, name);
}

bool bool_arg(Napi::Value value, const char *call, const char *name, bool fallback)
{
	if (value.IsUndefined())
		return fallback;
	if (!value.IsBoolean())
		refuse(value, call, name, "a boolean");
	return value.As<Napi::Boolean>().Value();
}

Napi::Function function_arg(Napi::Value value, const char *call, const char *name)
{
	if (!value.IsFunction())
		refuse(value, call, name, "a function");
	return value.As<Napi::Function>();
}

Napi::Object object_arg(Napi::Value value, const char *call, const char *name)
{
	if (!value.IsObject())
		refuse(value, call, name, "an object");
	return value.As<Napi::Object>();
}

Napi::Uint8Array copy_bytes(Napi::Env env, const void *data, size_t size)
{
	Napi::Uint8Array copy = Napi::Uint8Array::New(env, size);

	if (size)
		memcpy(copy.Data(), data, size);
	return copy;
}
