// Maps one entry at a time, and mapped into memory. Batches are in map_batch.cc.
//
// A BpfMap owns a descriptor of its own, so it outlives the BpfObject it came from.
#include "map.h"
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

bool is_kind(int fd, const char *kind)
{
	char target[64] = "";
	std::string path = "/proc/self/fd/" + std::to_string(fd);

	// Without /proc nothing can be said; the first call on the descriptor will.
	if (readlink(path.c_str(), target, sizeof(target) - 1) < 0)
		return true;
	return strstr(target, kind) != nullptr;
}

BpfMap::BpfMap(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<BpfMap>(info), fd_(take_pending<BpfMap>(info))
{
	uint32_t size = sizeof(shape_);

	if (bpf_obj_get_info_by_fd(fd_.get(), &shape_, &size))
		fail(info.Env(), errno, "bpf_obj_get_info_by_fd", "map");
}

int BpfMap::fd(Napi::Env env, const char *call) const
{
	if (!fd_.open())
		fail_closed(env, call, title().c_str());
	return fd_.get();
}

std::string BpfMap::title() const
{
	return std::string("map '") + shape_.name + "'";
}

size_t BpfMap::value_size() const
{
	switch (shape_.type) {
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		return (shape_.value_size + 7) / 8 * 8 * size_t(libbpf_num_possible_cpus());
	default:
		return shape_.value_size;
	}
}

const void *BpfMap::key_arg(Napi::Value value, const char *call) const
{
	Bytes key = bytes_arg(value, call, "key");

	if (key.size != shape_.key_size)
		fail(value.Env(), EINVAL, call,
		     "key is " + std::to_string(key.size) + " bytes, " + title() + " takes " +
			     std::to_string(shape_.key_size));
	// Queues and stacks have no key, and the kernel wants a null pointer to say so.
	return key.size ? key.data : nullptr;
}

Napi::Value BpfMap::create(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map_create";
	Napi::Object options = object_arg(info[0], call, "options");
	uint32_t type = u32_arg(options.Get("type"), call, "type");
	uint32_t key_size = u32_arg(options.Get("keySize"), call, "keySize");
	uint32_t value_size = u32_arg(options.Get("valueSize"), call, "valueSize");
	uint32_t max_entries = u32_arg(options.Get("maxEntries"), call, "maxEntries");
	Napi::Value name_value = options.Get("name");
	std::string name = name_value.IsUndefined() ? "" : string_arg(name_value, call, "name");
	Napi::Value inner = options.Get("innerMap");

	LIBBPF_OPTS(bpf_map_create_opts, opts);
	opts.map_flags = u32_arg(options.Get("flags"), call, "flags", 0);
	if (!inner.IsUndefined())
		opts.inner_map_fd =
			unwrap_arg<BpfMap>(inner, call, "innerMap").fd(info.Env(), call);

	Fd fd(bpf_map_create(static_cast<bpf_map_type>(type), name.empty() ? nullptr : name.c_str(),
			     key_size, value_size, max_entries, &opts));
	if (!fd.open())
		fail(info.Env(), errno, call,
		     "map '" + name + "' of type " + std::to_string(type) + ", " +
			     std::to_string(max_entries) + " entries");
	return construct<BpfMap>(info.Env(), std::move(fd));
}

Napi::Value BpfMap::from_pin(const Napi::CallbackInfo &info)
{
	std::string path = string_arg(info[0], "bpf_obj_get", "path");
	Fd fd(bpf_obj_get(path.c_str()));

	if (!fd.open())
		fail(info.Env(), errno, "bpf_obj_get", path);
	if (!is_kind(fd.get(), "bpf-map"))
		fail(info.Env(), EINVAL, "bpf_obj_get", path + " is not a pinned map");
	return construct<BpfMap>(info.Env(), std::move(fd));
}

Napi::Value BpfMap::from_id(const Napi::CallbackInfo &info)
{
	uint32_t id = u32_arg(info[0], "bpf_map_get_fd_by_id", "id");
	Fd fd(bpf_map_get_fd_by_id(id));

	if (!fd.open())
		fail(info.Env(), errno, "bpf_map_get_fd_by_id", "map id " + std::to_string(id));
	return construct<BpfMap>(info.Env(), std::move(fd));
}

Napi::Value BpfMap::get_info(const Napi::CallbackInfo &info)
{
	Napi::Object out = Napi::Object::New(info.Env());

	out["id"] = shape_.id;
	out["name"] = shape_.name;
	out["type"] = shape_.type;
	out["keySize"] = shape_.key_size;
	out["valueSize"] = shape_.value_size;
	out["maxEntries"] = shape_.max_entries;
	out["flags"] = shape_.map_flags;
	return out;
}

Napi::Value BpfMap::get_fd(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), fd(info.Env(), "fd"));
}

Napi::Value BpfMap::look(const Napi::CallbackInfo &info, const char *call,
			 int (*ask)(int, const void *, void *))
{
	int map_fd = fd(info.Env(), call);
	const void *key = key_arg(info[0], call);
	Napi::Uint8Array value = Napi::Uint8Array::New(info.Env(), value_size());

	if (!ask(map_fd, key, value.Data()))
		return value;
	if (errno != ENOENT)
		fail(info.Env(), errno, call, title());
	return info.Env().Undefined();
}

Napi::Value BpfMap::lookup(const Napi::CallbackInfo &info)
{
	return look(info, "bpf_map_lookup_elem", bpf_map_lookup_elem);
}

Napi::Value BpfMap::take(const Napi::CallbackInfo &info)
{
	return look(info, "bpf_map_lookup_and_delete_elem", bpf_map_lookup_and_delete_elem);
}

/// Value types whose user-space value is a descriptor: of a program, or of an inner map.
static bool holds_descriptors(uint32_t type)
{
	return type == BPF_MAP_TYPE_PROG_ARRAY || type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
	       type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

void BpfMap::update(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map_update_elem";
	Napi::Env env = info.Env();
	int map_fd = fd(env, call);
	uint32_t flags = u32_arg(info[2], call, "flags", 0);
	const void *key = key_arg(info[0], call);
	BpfMap *inner = try_unwrap<BpfMap>(info[1]);
	BpfProgram *program = try_unwrap<BpfProgram>(info[1]);
	int descriptor = -1;
	const void *value = &descriptor;

	if (inner || program) {
		if (!holds_descriptors(shape_.type))
			fail(env, EINVAL, call, title() + " does not hold maps or programs");
		descriptor = inner ? inner->fd(env, call) : program->fd(env, call);
	} else {
		Bytes bytes = bytes_arg(info[1], call, "value");
		if (bytes.size != value_size())
			fail(env, EINVAL, call,
			     "value is " + std::to_string(bytes.size) + " bytes, " + title() +
				     " takes " + std::to_string(value_size()));
		value = bytes.data;
	}
	if (bpf_map_update_elem(map_fd, key, value, flags))
		fail(env, errno, call, title());
}

Napi::Value BpfMap::remove(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map_delete_elem";
	int map_fd = fd(info.Env(), call);
	const void *key = key_arg(info[0], call);
	int error = bpf_map_delete_elem(map_fd, key) ? errno : 0;

	if (error && error != ENOENT)
		fail(info.Env(), error, call, title());
	return Napi::Boolean::New(info.Env(), error == 0);
}

Napi::Value BpfMap::next_key(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map_get_next_key";
	int map_fd = fd(info.Env(), call);
	const void *key = info[0].IsUndefined() ? nullptr : key_arg(info[0], call);
	Napi::Uint8Array next = Napi::Uint8Array::New(info.Env(), shape_.key_size);

	if (!bpf_map_get_next_key(map_fd, key, next.Data()))
		return next;
	if (errno != ENOENT)
		fail(info.Env(), errno, call, title());
	return info.Env().Undefined();
}

/// A mapping lives as long as its ArrayBuffer, not as long as the map's descriptor.
struct Mapping {
	uint8_t *start;
	size_t size;
	std::shared_ptr<Ranges> read_only;
};

static void unmap(void *, Mapping *mapping)
{
	std::erase_if(*mapping->read_only,
		      [&](const Range &range) { return range.start == mapping->start; });
	munmap(mapping->start, mapping->size);
	delete mapping;
}

Napi::Value BpfMap::mmap(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int map_fd = fd(env, "mmap");
	bool read_only = bool_arg(info[0], "mmap", "readonly", false);
	// The kernel lays elements out 8 bytes aligned, whatever the value's size.
	size_t size = (size_t(shape_.value_size) + 7) / 8 * 8 * shape_.max_entries;

	if (shape_.type != BPF_MAP_TYPE_ARRAY || !(shape_.map_flags & BPF_F_MMAPABLE))
		fail(env, EINVAL, "mmap", title() + " is not an array with BPF_F_MMAPABLE");
	int protection = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	void *start = ::mmap(nullptr, size, protection, MAP_SHARED, map_fd, 0);
	if (start == MAP_FAILED)
		fail(env, errno, "mmap", title() + ", " + std::to_string(size) + " bytes");

	Instance &instance = Instance::of(env);
	auto *mapping = new Mapping{static_cast<uint8_t *>(start), size, instance.read_only};
	if (read_only)
		instance.read_only->push_back({mapping->start, size});
	return Napi::ArrayBuffer::New(
		env, start, size, [](Napi::Env, void *data, Mapping *hint) { unmap(data, hint); },
		mapping);
}

void BpfMap::freeze(const Napi::CallbackInfo &info)
{
	if (bpf_map_freeze(fd(info.Env(), "bpf_map_freeze")))
		fail(info.Env(), errno, "bpf_map_freeze", title());
}

void BpfMap::pin(const Napi::CallbackInfo &info)
{
	int map_fd = fd(info.Env(), "bpf_obj_pin");
	std::string path = string_arg(info[0], "bpf_obj_pin", "path");

	if (bpf_obj_pin(map_fd, path.c_str()))
		fail(info.Env(), errno, "bpf_obj_pin", title() + " at " + path);
}

void BpfMap::close(const Napi::CallbackInfo &)
{
	fd_.reset();
}

Napi::Function BpfMap::define(Napi::Env env)
{
	return DefineClass(env, name,
			   {
				   StaticMethod<&BpfMap::create>("create"),
				   StaticMethod<&BpfMap::from_pin>("fromPin"),
				   StaticMethod<&BpfMap::from_id>("fromId"),
				   InstanceAccessor<&BpfMap::get_info>("info"),
				   InstanceAccessor<&BpfMap::get_fd>("fd"),
				   InstanceMethod<&BpfMap::lookup>("lookup"),
				   InstanceMethod<&BpfMap::update>("update"),
				   InstanceMethod<&BpfMap::take>("take"),
				   InstanceMethod<&BpfMap::remove>("delete"),
				   InstanceMethod<&BpfMap::next_key>("nextKey"),
				   InstanceMethod<&BpfMap::lookup_batch>("lookupBatch"),
				   InstanceMethod<&BpfMap::update_batch>("updateBatch"),
				   InstanceMethod<&BpfMap::delete_batch>("deleteBatch"),
				   InstanceMethod<&BpfMap::mmap>("mmap"),
				   InstanceMethod<&BpfMap::freeze>("freeze"),
				   InstanceMethod<&BpfMap::pin>("pin"),
				   InstanceMethod<&BpfMap::close>("close"),
			   });
}

void define_map(Napi::Env env, Napi::Object exports)
{
	Napi::Function constructor = BpfMap::define(env);

	Instance::of(env).map_class = Napi::Persistent(constructor);
	exports["BpfMap"] = constructor;
}
