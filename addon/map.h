// The class BpfMap: one file descriptor of a map and what the kernel says of its shape.
#pragma once

#include "addon.h"

#include <linux/bpf.h>

class BpfMap : public Napi::ObjectWrap<BpfMap>
{
      public:
	using Init = Fd;
	static constexpr const char *name = "BpfMap";
	static constexpr napi_type_tag tag = {0x6c69626270662d74, 0x73006d6170000001};
	static Napi::FunctionReference &class_of(Instance &instance)
	{
		return instance.map_class;
	}
	static Napi::Function define(Napi::Env env);

	explicit BpfMap(const Napi::CallbackInfo &info);

	/// The descriptor, or EBADF when closed.
	int fd(Napi::Env env, const char *call) const;
	const bpf_map_info &shape() const
	{
		return shape_;
	}

      private:
	// map.cc
	static Napi::Value create(const Napi::CallbackInfo &info);
	static Napi::Value from_pin(const Napi::CallbackInfo &info);
	static Napi::Value from_id(const Napi::CallbackInfo &info);
	Napi::Value get_info(const Napi::CallbackInfo &info);
	Napi::Value get_fd(const Napi::CallbackInfo &info);
	Napi::Value lookup(const Napi::CallbackInfo &info);
	void update(const Napi::CallbackInfo &info);
	Napi::Value take(const Napi::CallbackInfo &info);
	Napi::Value remove(const Napi::CallbackInfo &info);
	Napi::Value next_key(const Napi::CallbackInfo &info);
	Napi::Value mmap(const Napi::CallbackInfo &info);
	void freeze(const Napi::CallbackInfo &info);
	void pin(const Napi::CallbackInfo &info);
	void close(const Napi::CallbackInfo &info);

	// map_batch.cc
	Napi::Value lookup_batch(const Napi::CallbackInfo &info);
	void update_batch(const Napi::CallbackInfo &info);
	Napi::Value delete_batch(const Napi::CallbackInfo &info);

	/// Bytes of one value as user space sees it: all CPUs' slots for a per-CPU map.
	size_t value_size() const;
	std::string title() const;
	const void *key_arg(Napi::Value value, const char *call) const;
	Napi::Value look(const Napi::CallbackInfo &info, const char *call,
			 int (*ask)(int, const void *, void *));
	/// Keys or values of a batch: exactly `count` times `each` bytes or more.
	uint8_t *batch_arg(Napi::Value value, const char *call, const char *what, uint32_t count,
			   size_t each) const;

	Fd fd_;
	bpf_map_info shape_ = {};
};

/// Whether the descriptor is of the kind ("bpf-map", "bpf-prog", "bpf_link") a pin should hold.
bool is_kind(int fd, const char *kind);
