// A thread of its own that hands batches to one JavaScript function.
//
// The queue is short and the thread waits when it is full: a slow reader makes the kernel's own
// buffer fill, where losses are counted, instead of this process's memory.
#pragma once

#include "addon.h"

#include <atomic>
#include <functional>
#include <thread>

/// What one call of the function gets; made on the thread, turned into a value on JavaScript's.
struct StreamBatch {
	virtual ~StreamBatch() = default;
	virtual Napi::Value to_js(Napi::Env env) = 0;
};

class Stream
{
      public:
	using Body = std::function<void(Stream &)>;

	Stream(Napi::Env env, Napi::Function on_batch, const char *name, Body body);
	~Stream()
	{
		stop();
	}

	/// JavaScript's thread: after this returns the thread is gone and no batch is delivered.
	void stop();

	/// The stream's thread: waits until `fd` is readable; false when it must end.
	bool wait(int fd);
	/// The stream's thread: false when it must end.
	bool push(std::unique_ptr<StreamBatch> batch);

      private:
	void run();
	static void deliver(napi_env env, napi_value callback, void *context, void *data);
	static void on_environment_end(void *stream);

	napi_env env_;
	Body body_;
	Fd wake_;
	std::atomic<bool> stopping_ = false;
	bool stopped_ = false;
	bool released_ = false;
	napi_threadsafe_function function_ = nullptr;
	std::thread thread_;
};
