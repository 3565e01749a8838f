// Whole maps and many entries by one system call.
#include "map.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>

/// Entries asked for at first: one call for a small map, and no large buffer for a sparse one.
static constexpr uint32_t CHUNK_ENTRIES = 4096;

/// The first chunk of a map with large values.
static constexpr size_t CHUNK_BYTES = 4 * 1024 * 1024;

/// The kernel gives EINTR when entries vanish under the walk; a busy map settles well before this.
static constexpr int INTERRUPTS_MAX = 64;

/// The kernel keeps its place in a batch token: a bucket number, or the last key.
static constexpr size_t TOKEN_BYTES_MIN = 8;

/// Reads a map in chunks that grow, until the end or `limit` entries.
class BatchWalk
{
      public:
	BatchWalk(int fd, size_t key_size, size_t value_size, uint32_t chunk)
	    : keys(chunk * key_size), values(chunk * value_size), fd_(fd), key_size_(key_size),
	      value_size_(value_size), chunk_(chunk), token_(std::max(key_size, TOKEN_BYTES_MIN)),
	      next_(token_.size())
	{
	}

	/// 0 or errno.
	int run(size_t limit)
	{
		while (!ended_ && count < limit) {
			int error = step();
			if (error == ENOSPC)
				chunk_ *= 2; // One hash bucket holds more than the chunk.
			else if (error == EINTR && interrupts_ < INTERRUPTS_MAX)
				interrupts_++;
			else if (error)
				return error;
		}
		count = std::min(count, limit);
		return 0;
	}

	std::vector<uint8_t> keys, values;
	size_t count = 0;

      private:
	int step()
	{
		uint32_t got = chunk_;

		keys.resize((count + chunk_) * key_size_);
		values.resize((count + chunk_) * value_size_);
		int error = bpf_map_lookup_batch(fd_, started_ ? token_.data() : nullptr,
						 next_.data(), keys.data() + count * key_size_,
						 values.data() + count * value_size_, &got, nullptr)
				    ? errno
				    : 0;
		if (error && error != ENOENT)
			return error;
		// ENOENT is the end, and what was read before it counts.
		count += got;
		ended_ = error == ENOENT;
		started_ = true;
		token_.swap(next_);
		return 0;
	}

	int fd_;
	size_t key_size_, value_size_;
	uint32_t chunk_;
	std::vector<uint8_t> token_, next_;
	bool started_ = false, ended_ = false;
	int interrupts_ = 0;
};

Napi::Value BpfMap::lookup_batch(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map_lookup_batch";
	Napi::Env env = info.Env();
	int map_fd = fd(env, call);
	uint32_t limit = u32_arg(info[0], call, "max", UINT32_MAX);
	uint32_t by_size =
		std::min<size_t>(CHUNK_BYTES / std::max<size_t>(value_size(), 1), CHUNK_ENTRIES);
	uint32_t chunk = std::max(std::min({limit, shape_.max_entries, by_size}), 1u);
	BatchWalk walk(map_fd, shape_.key_size, value_size(), chunk);

	if (int error = walk.run(limit))
		fail(env, error, call, title());
	Napi::Object out = Napi::Object::New(env);
	out["keys"] = copy_bytes(env, walk.keys.data(), walk.count * shape_.key_size);
	out["values"] = copy_bytes(env, walk.values.data(), walk.count * value_size());
	out["count"] = static_cast<double>(walk.count);
	return out;
}

uint8_t *BpfMap::batch_arg(Napi::Value value, const char *call, const char *what, uint32_t count,
			   size_t each) const
{
	Bytes bytes = bytes_arg(value, call, what);

	if (bytes.size < count * each)
		fail(value.Env(), EINVAL, call,
		     std::string(what) + " are " + std::to_string(bytes.size) + " bytes, " +
			     std::to_string(count) + " entries of " + title() + " take " +
			     std::to_string(count * each));
	return bytes.data;
}

void BpfMap::update_batch(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map_update_batch";
	Napi::Env env = info.Env();
	int map_fd = fd(env, call);
	uint32_t count = u32_arg(info[2], call, "count");
	uint8_t *keys = batch_arg(info[0], call, "keys", count, shape_.key_size);
	uint8_t *values = batch_arg(info[1], call, "values", count, value_size());
	uint32_t done = count;

	if (count && bpf_map_update_batch(map_fd, keys, values, &done, nullptr))
		fail(env, errno, call,
		     title() + ", " + std::to_string(done) + " of " + std::to_string(count) +
			     " entries written");
}

Napi::Value BpfMap::delete_batch(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map_delete_batch";
	Napi::Env env = info.Env();
	int map_fd = fd(env, call);
	uint32_t count = u32_arg(info[1], call, "count");
	uint8_t *keys = batch_arg(info[0], call, "keys", count, shape_.key_size);
	uint32_t at = 0, deleted = 0;

	while (at < count) {
		uint32_t done = count - at;
		uint8_t *rest = keys + size_t(at) * shape_.key_size;
		int error = bpf_map_delete_batch(map_fd, rest, &done, nullptr) ? errno : 0;

		if (error && error != ENOENT)
			fail(env, error, call,
			     title() + ", " + std::to_string(deleted) + " deleted");
		// The kernel stops at a key that is not there: step over it.
		deleted += done;
		at += done + (error ? 1 : 0);
	}
	return Napi::Number::New(env, deleted);
}
