// BPF ring buffers: records read on a thread of their own, handed over in batches.
#include "map.h"
#include "stream.h"

#include <bpf/libbpf.h>

#include <cstring>

/// One batch: enough to make the hand-over cheap, small enough to copy at once.
static constexpr size_t BATCH_RECORDS = 1024;
static constexpr size_t BATCH_BYTES = 256 * 1024;

/// Ends a ring's consume early; libbpf has by then marked the record as read.
static constexpr int BATCH_FULL = -ECANCELED;

struct RingBatch : StreamBatch {
	std::vector<uint8_t> bytes;
	std::vector<size_t> ends;

	void append(const void *data, size_t size)
	{
		const auto *start = static_cast<const uint8_t *>(data);
		bytes.insert(bytes.end(), start, start + size);
		ends.push_back(bytes.size());
	}
	bool full() const
	{
		return ends.size() >= BATCH_RECORDS || bytes.size() >= BATCH_BYTES;
	}

	Napi::Value to_js(Napi::Env env) override
	{
		Napi::Array records = Napi::Array::New(env, ends.size());
		Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes.size());
		size_t start = 0;

		if (!bytes.empty())
			memcpy(buffer.Data(), bytes.data(), bytes.size());
		for (uint32_t i = 0; i < ends.size(); i++) {
			records[i] = Napi::Uint8Array::New(env, ends[i] - start, buffer, start);
			start = ends[i];
		}
		return records;
	}
};

/// libbpf's reader and where its callback puts what it is given.
struct RingReader {
	Fd fd;
	ring_buffer *ring = nullptr;
	std::unique_ptr<RingBatch> batch;

	~RingReader()
	{
		ring_buffer__free(ring);
	}

	static int on_record(void *context, void *data, size_t size)
	{
		RingBatch &batch = *static_cast<RingReader *>(context)->batch;

		batch.append(data, size);
		return batch.full() ? BATCH_FULL : 0;
	}
};

static void read_ring(Stream &stream, RingReader &reader)
{
	while (stream.wait(ring_buffer__epoll_fd(reader.ring))) {
		int consumed;
		do {
			reader.batch = std::make_unique<RingBatch>();
			consumed = ring_buffer__consume(reader.ring);
			if (!reader.batch->ends.empty() && !stream.push(std::move(reader.batch)))
				return;
		} while (consumed == BATCH_FULL);
	}
}

class RingBuffer : public Napi::ObjectWrap<RingBuffer>
{
      public:
	explicit RingBuffer(const Napi::CallbackInfo &info);

	static Napi::Function define(Napi::Env env)
	{
		return DefineClass(env, "RingBuffer", {InstanceMethod<&RingBuffer::stop>("stop")});
	}

      private:
	void stop(const Napi::CallbackInfo &)
	{
		if (!stream_)
			return;
		stream_.reset();
		reader_.reset();
		Unref();
	}

	// The stream's thread uses the reader, so it is declared, and ends, after it.
	std::unique_ptr<RingReader> reader_;
	std::unique_ptr<Stream> stream_;
};

RingBuffer::RingBuffer(const Napi::CallbackInfo &info) : Napi::ObjectWrap<RingBuffer>(info)
{
	const char *call = "ring_buffer__new";
	Napi::Env env = info.Env();
	BpfMap &map = unwrap_arg<BpfMap>(info[0], call, "map");
	Napi::Function on_batch = function_arg(info[1], call, "onBatch");
	auto reader = std::make_unique<RingReader>();
	LogCapture log;

	// A descriptor of its own: closing the map does not end the ring.
	reader->fd = Fd::duplicate(map.fd(env, call));
	if (!reader->fd.open())
		fail(env, errno, "fcntl", "ring buffer");
	reader->ring =
		ring_buffer__new(reader->fd.get(), RingReader::on_record, reader.get(), nullptr);
	if (!reader->ring)
		fail(env, errno, call, "ring buffer", log.text());
	reader_ = std::move(reader);
	stream_ = std::make_unique<Stream>(
		env, on_batch, "RingBuffer",
		[reader = reader_.get()](Stream &stream) { read_ring(stream, *reader); });
	// Collected while it runs, it would stop without a word.
	Ref();
}

void define_ring(Napi::Env env, Napi::Object exports)
{
	exports["RingBuffer"] = RingBuffer::define(env);
}
