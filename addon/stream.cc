// Starting, feeding and ending a stream's thread. Ending is the delicate part, see stop().
#include "stream.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <csignal>
#include <system_error>

/// Batches waiting for JavaScript; a batch may be some hundred kilobytes.
static constexpr size_t QUEUE_BATCHES = 16;

Stream::Stream(Napi::Env env, Napi::Function on_batch, const char *name, Body body)
    : env_(env), body_(std::move(body)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
{
	if (!wake_.open())
		fail(env, errno, "eventfd", name);
	// Two owners: stop() gives up one at once, the thread gives up its own as it ends.
	napi_status status = napi_create_threadsafe_function(
		env, on_batch, nullptr, Napi::String::New(env, name), QUEUE_BATCHES, 2, nullptr,
		nullptr, nullptr, deliver, &function_);
	if (status != napi_ok)
		throw Napi::Error::New(env);
	// A running stream must not keep the process alive.
	napi_unref_threadsafe_function(env, function_);
	try {
		thread_ = std::thread(&Stream::run, this);
	} catch (const std::system_error &error) {
		napi_release_threadsafe_function(function_, napi_tsfn_abort);
		napi_release_threadsafe_function(function_, napi_tsfn_release);
		fail(env, error.code().value(), "pthread_create", name);
	}
	// Hooks run last in, first out: the thread is gone before Node takes the function away.
	napi_add_env_cleanup_hook(env, on_environment_end, this);
}

void Stream::run()
{
	sigset_t all;

	// Signals are for Node's threads.
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, nullptr);
	body_(*this);
	if (!released_)
		napi_release_threadsafe_function(function_, napi_tsfn_release);
}

/// Abort first: it frees a thread that waits on a full queue, which the wake-up alone would not.
/// Join last, so that nothing of this object is used after it.
void Stream::stop()
{
	if (stopped_)
		return;
	stopped_ = true;
	stopping_ = true;
	napi_remove_env_cleanup_hook(env_, on_environment_end, this);
	napi_release_threadsafe_function(function_, napi_tsfn_abort);
	eventfd_write(wake_.get(), 1);
	thread_.join();
}

void Stream::on_environment_end(void *stream)
{
	static_cast<Stream *>(stream)->stop();
}

bool Stream::wait(int fd)
{
	pollfd fds[] = {{fd, POLLIN, 0}, {wake_.get(), POLLIN, 0}};

	while (!stopping_) {
		int ready = poll(fds, 2, -1);
		if (ready < 0 && errno != EINTR)
			return false;
		if (ready > 0 && fds[0].revents)
			return !stopping_;
	}
	return false;
}

bool Stream::push(std::unique_ptr<StreamBatch> batch)
{
	if (released_)
		return false;
	napi_status status =
		napi_call_threadsafe_function(function_, batch.get(), napi_tsfn_blocking);

	if (status == napi_ok) {
		batch.release(); // deliver() owns it now.
		return true;
	}
	// Closing: Node has counted this thread out already, a second release would be one too
	// many.
	released_ = status == napi_closing;
	return false;
}

/// What the function throws becomes an uncaught exception. For this version of Node-API, Node would
/// only warn of it and go on.
void Stream::deliver(napi_env env, napi_value callback, void *, void *data)
{
	std::unique_ptr<StreamBatch> batch(static_cast<StreamBatch *>(data));
	napi_value value = nullptr, self = nullptr, thrown = nullptr;
	bool pending = false;

	// Without an environment the queue is only being emptied.
	if (!env || !callback)
		return;
	try {
		value = batch->to_js(env);
	} catch (const Napi::Error &) {
		return; // The environment is ending: nobody is left to be told.
	}
	napi_get_undefined(env, &self);
	napi_call_function(env, self, callback, 1, &value, nullptr);
	napi_is_exception_pending(env, &pending);
	if (pending && napi_get_and_clear_last_exception(env, &thrown) == napi_ok)
		napi_fatal_exception(env, thrown);
}
