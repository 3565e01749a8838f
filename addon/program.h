// The class BpfProgram: one file descriptor of a loaded program.
#pragma once

#include "addon.h"

class BpfProgram : public Napi::ObjectWrap<BpfProgram>
{
      public:
	using Init = Fd;
	static constexpr const char *name = "BpfProgram";
	static constexpr napi_type_tag tag = {0x6c69626270662d74, 0x730070726f670001};
	static Napi::FunctionReference &class_of(Instance &instance)
	{
		return instance.program_class;
	}
	static Napi::Function define(Napi::Env env);

	explicit BpfProgram(const Napi::CallbackInfo &info);

	/// The descriptor, or EBADF when closed.
	int fd(Napi::Env env, const char *call) const;
	std::string title() const;

      private:
	static Napi::Value from_pin(const Napi::CallbackInfo &info);
	static Napi::Value from_id(const Napi::CallbackInfo &info);
	Napi::Value get_info(const Napi::CallbackInfo &info);
	Napi::Value get_fd(const Napi::CallbackInfo &info);
	Napi::Value test_run(const Napi::CallbackInfo &info);
	void pin(const Napi::CallbackInfo &info);
	void close(const Napi::CallbackInfo &info);

	Fd fd_;
	std::string name_;
};
