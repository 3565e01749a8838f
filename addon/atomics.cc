// Atomic operations on mapped memory that programs in the kernel change at the same time.
//
// JavaScript's own loads and stores on an ArrayBuffer promise nothing across threads; these are
// sequentially consistent. Batches check every index before they touch anything.
#include "addon.h"

#include <cstring>

/// A buffer as an array of words of one size.
template <typename Word> struct Words {
	Words(Napi::Value value, const char *call, bool writes)
	{
		if (!value.IsArrayBuffer())
			fail(value.Env(), EINVAL, call, "buffer must be an ArrayBuffer");
		Napi::ArrayBuffer buffer = value.As<Napi::ArrayBuffer>();
		const auto *bytes = static_cast<const uint8_t *>(buffer.Data());

		start = static_cast<Word *>(buffer.Data());
		count = buffer.ByteLength() / sizeof(Word);
		if (reinterpret_cast<uintptr_t>(start) % sizeof(Word))
			fail(value.Env(), EINVAL, call, "buffer is not aligned to its words");
		if (!writes)
			return;
		for (const Range &range : *Instance::of(value.Env()).read_only)
			if (bytes >= range.start && bytes < range.start + range.size)
				fail(value.Env(), EACCES, call, "buffer is mapped read-only");
	}

	Word *at(Napi::Value index, const char *call) const
	{
		double number = index.IsNumber() ? index.As<Napi::Number>().DoubleValue() : -1;

		if (!(number >= 0 && number < static_cast<double>(count)) ||
		    number != static_cast<double>(static_cast<uint64_t>(number)))
			fail(index.Env(), EINVAL, call,
			     "word must be a whole number below " + std::to_string(count));
		return start + static_cast<uint64_t>(number);
	}

	Word *start;
	size_t count;
};

static uint64_t bigint_arg(Napi::Value value, const char *call, const char *name)
{
	bool lossless;

	if (!value.IsBigInt())
		fail(value.Env(), EINVAL, call, std::string(name) + " must be a bigint");
	return value.As<Napi::BigInt>().Uint64Value(&lossless);
}

/// Any whole number, modulo 2^32: -1 adds as it should.
static uint32_t word_arg(Napi::Value value, const char *call, const char *name)
{
	if (!value.IsNumber())
		fail(value.Env(), EINVAL, call, std::string(name) + " must be a number");
	return value.As<Napi::Number>().Uint32Value();
}

static Napi::Value load64(const Napi::CallbackInfo &info)
{
	uint64_t *word = Words<uint64_t>(info[0], "load64", false).at(info[1], "load64");

	return Napi::BigInt::New(info.Env(), __atomic_load_n(word, __ATOMIC_SEQ_CST));
}

static void store64(const Napi::CallbackInfo &info)
{
	uint64_t *word = Words<uint64_t>(info[0], "store64", true).at(info[1], "store64");

	__atomic_store_n(word, bigint_arg(info[2], "store64", "value"), __ATOMIC_SEQ_CST);
}

static Napi::Value add64(const Napi::CallbackInfo &info)
{
	uint64_t *word = Words<uint64_t>(info[0], "add64", true).at(info[1], "add64");
	uint64_t delta = bigint_arg(info[2], "add64", "delta");

	return Napi::BigInt::New(info.Env(), __atomic_fetch_add(word, delta, __ATOMIC_SEQ_CST));
}

static Napi::Value load32(const Napi::CallbackInfo &info)
{
	uint32_t *word = Words<uint32_t>(info[0], "load32", false).at(info[1], "load32");

	return Napi::Number::New(info.Env(), __atomic_load_n(word, __ATOMIC_SEQ_CST));
}

static void store32(const Napi::CallbackInfo &info)
{
	uint32_t *word = Words<uint32_t>(info[0], "store32", true).at(info[1], "store32");

	__atomic_store_n(word, word_arg(info[2], "store32", "value"), __ATOMIC_SEQ_CST);
}

static Napi::Value add32(const Napi::CallbackInfo &info)
{
	uint32_t *word = Words<uint32_t>(info[0], "add32", true).at(info[1], "add32");
	uint32_t delta = word_arg(info[2], "add32", "delta");

	return Napi::Number::New(info.Env(), __atomic_fetch_add(word, delta, __ATOMIC_SEQ_CST));
}

static void fence(const Napi::CallbackInfo &)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static Napi::Value compare_and_swap64(const Napi::CallbackInfo &info)
{
	const char *call = "compareAndSwap64";
	uint64_t *word = Words<uint64_t>(info[0], call, true).at(info[1], call);
	uint64_t expected = bigint_arg(info[2], call, "expected");
	uint64_t value = bigint_arg(info[3], call, "value");

	__atomic_compare_exchange_n(word, &expected, value, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	return Napi::BigInt::New(info.Env(), expected);
}

/// The first `count` elements of a typed array that must hold at least so many.
template <typename Array>
static Array array_arg(Napi::Value value, const char *call, const char *name, const char *type,
		       napi_typedarray_type expected, uint32_t count)
{
	if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != expected)
		fail(value.Env(), EINVAL, call, std::string(name) + " must be a " + type);
	Array array = value.As<Array>();
	if (array.ElementLength() < count)
		fail(value.Env(), EINVAL, call,
		     std::string(name) + " has " + std::to_string(array.ElementLength()) +
			     " elements, count is " + std::to_string(count));
	return array;
}

static Napi::Uint32Array indices_arg(Napi::Value value, const char *call, uint32_t count,
				     size_t words)
{
	auto indices = array_arg<Napi::Uint32Array>(value, call, "words", "Uint32Array",
						    napi_uint32_array, count);

	for (uint32_t i = 0; i < count; i++)
		if (indices[i] >= words)
			fail(value.Env(), EINVAL, call,
			     "word " + std::to_string(indices[i]) + " is beyond the buffer's " +
				     std::to_string(words));
	return indices;
}

static Napi::Value compare_and_swap64_batch(const Napi::CallbackInfo &info)
{
	const char *call = "compareAndSwap64Batch";
	uint32_t count = u32_arg(info[4], call, "count");
	Words<uint64_t> words(info[0], call, true);
	auto indices = indices_arg(info[1], call, count, words.count);
	auto expected = array_arg<Napi::BigUint64Array>(info[2], call, "expected", "BigUint64Array",
							napi_biguint64_array, count);
	auto values = array_arg<Napi::BigUint64Array>(info[3], call, "values", "BigUint64Array",
						      napi_biguint64_array, count);
	Napi::Uint8Array swapped = Napi::Uint8Array::New(info.Env(), count);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t was = expected[i];
		swapped[i] = __atomic_compare_exchange_n(words.start + indices[i], &was, values[i],
							 false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	return swapped;
}

static void and64_batch(const Napi::CallbackInfo &info)
{
	const char *call = "and64Batch";
	uint64_t mask = bigint_arg(info[2], call, "mask");
	uint32_t count = u32_arg(info[3], call, "count");
	Words<uint64_t> words(info[0], call, true);
	auto indices = indices_arg(info[1], call, count, words.count);

	for (uint32_t i = 0; i < count; i++)
		__atomic_fetch_and(words.start + indices[i], mask, __ATOMIC_SEQ_CST);
}

void define_atomics(Napi::Env env, Napi::Object exports)
{
	exports["load64"] = Napi::Function::New<load64>(env, "load64");
	exports["store64"] = Napi::Function::New<store64>(env, "store64");
	exports["add64"] = Napi::Function::New<add64>(env, "add64");
	exports["load32"] = Napi::Function::New<load32>(env, "load32");
	exports["store32"] = Napi::Function::New<store32>(env, "store32");
	exports["add32"] = Napi::Function::New<add32>(env, "add32");
	exports["fence"] = Napi::Function::New<fence>(env, "fence");
	exports["compareAndSwap64"] =
		Napi::Function::New<compare_and_swap64>(env, "compareAndSwap64");
	exports["compareAndSwap64Batch"] =
		Napi::Function::New<compare_and_swap64_batch>(env, "compareAndSwap64Batch");
	exports["and64Batch"] = Napi::Function::New<and64_batch>(env, "and64Batch");
}
