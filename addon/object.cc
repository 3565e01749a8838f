// A BPF object file between opening and loading: its maps, constants, programs and BTF.
//
// The life of an object: open, adjust (constants, sizes, reused maps, what to load), load, take
// maps and programs, close. What was taken has descriptors of its own and outlives the object.
#include "map.h"
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

struct ObjectCloser {
	void operator()(bpf_object *object) const
	{
		bpf_object__close(object);
	}
};
using OwnedObject = std::unique_ptr<bpf_object, ObjectCloser>;

class BpfObject : public Napi::ObjectWrap<BpfObject>
{
      public:
	using Init = OwnedObject;
	static constexpr const char *name = "BpfObject";
	static constexpr napi_type_tag tag = {0x6c69626270662d74, 0x73006f626a000001};
	static Napi::FunctionReference &class_of(Instance &instance)
	{
		return instance.object_class;
	}
	static Napi::Function define(Napi::Env env);

	explicit BpfObject(const Napi::CallbackInfo &info)
	    : Napi::ObjectWrap<BpfObject>(info), object_(take_pending<BpfObject>(info))
	{
	}

      private:
	static Napi::Value open(const Napi::CallbackInfo &info);
	Napi::Value maps(const Napi::CallbackInfo &info);
	Napi::Value programs(const Napi::CallbackInfo &info);
	Napi::Value initial_value(const Napi::CallbackInfo &info);
	void set_initial_value(const Napi::CallbackInfo &info);
	void set_max_entries(const Napi::CallbackInfo &info);
	void set_autoload(const Napi::CallbackInfo &info);
	void reuse_map(const Napi::CallbackInfo &info);
	Napi::Value btf(const Napi::CallbackInfo &info);
	void load(const Napi::CallbackInfo &info);
	Napi::Value map(const Napi::CallbackInfo &info);
	Napi::Value program(const Napi::CallbackInfo &info);
	void close(const Napi::CallbackInfo &info);

	bpf_object *live(Napi::Env env, const char *call) const;
	bpf_object *unloaded(Napi::Env env, const char *call) const;
	bpf_map *find_map(Napi::Value name, const char *call) const;
	bpf_program *find_program(Napi::Value name, const char *call) const;

	OwnedObject object_;
	bool loaded_ = false;
};

/// libbpf prefixes the plain sections' maps with the object's name; everyone else says ".rodata".
static std::string map_name(const bpf_map *map)
{
	std::string name = bpf_map__name(map);
	size_t dot = name.find('.');

	return bpf_map__is_internal(map) && dot != std::string::npos ? name.substr(dot) : name;
}

/// Becomes part of map names, so it has their alphabet; no dot, or map_name() would cut wrongly.
static std::string object_name_arg(Napi::Value value, const char *call)
{
	std::string name = value.IsUndefined() ? "object" : string_arg(value, call, "name");

	for (char c : name)
		if (!isalnum(static_cast<unsigned char>(c)) && c != '_')
			fail(value.Env(), EINVAL, call,
			     "name '" + name + "' may have only letters, digits and _");
	return name;
}

static bpf_object *open_bytes(Bytes bytes, const std::string &name)
{
	// libelf reads words where they lie: a copy is aligned, a view of a larger buffer need not
	// be.
	std::vector<uint8_t> copy(bytes.data, bytes.data + bytes.size);
	LIBBPF_OPTS(bpf_object_open_opts, opts);

	opts.object_name = name.c_str();
	return bpf_object__open_mem(copy.data(), copy.size(), &opts);
}

static bpf_object *open_path(const std::string &path, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);

	opts.object_name = name;
	return bpf_object__open_file(path.c_str(), &opts);
}

Napi::Value BpfObject::open(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	bool from_file = info[0].IsString();
	const char *call = from_file ? "bpf_object__open_file" : "bpf_object__open_mem";
	std::string name = object_name_arg(info[1], call);
	bool named = !info[1].IsUndefined();
	std::string path = from_file ? string_arg(info[0], call, "source") : "bytes in memory";
	LogCapture log;

	OwnedObject object(from_file ? open_path(path, named ? name.c_str() : nullptr)
				     : open_bytes(bytes_arg(info[0], call, "source"), name));
	if (!object)
		fail(env, errno, call, path, log.text());
	return construct<BpfObject>(env, std::move(object));
}

bpf_object *BpfObject::live(Napi::Env env, const char *call) const
{
	if (!object_)
		fail_closed(env, call, "object");
	return object_.get();
}

bpf_object *BpfObject::unloaded(Napi::Env env, const char *call) const
{
	if (live(env, call) && loaded_)
		fail(env, EBUSY, call, "the object is loaded already");
	return object_.get();
}

bpf_map *BpfObject::find_map(Napi::Value value, const char *call) const
{
	std::string wanted = string_arg(value, call, "map");
	bpf_map *map;

	bpf_object__for_each_map(map, live(value.Env(), call))
	{
		if (map_name(map) == wanted || wanted == bpf_map__name(map))
			return map;
	}
	fail(value.Env(), ENOENT, call, "no map '" + wanted + "' in the object");
}

bpf_program *BpfObject::find_program(Napi::Value value, const char *call) const
{
	std::string wanted = string_arg(value, call, "program");
	bpf_program *program =
		bpf_object__find_program_by_name(live(value.Env(), call), wanted.c_str());

	if (!program)
		fail(value.Env(), ENOENT, call, "no program '" + wanted + "' in the object");
	return program;
}

Napi::Value BpfObject::maps(const Napi::CallbackInfo &info)
{
	Napi::Array names = Napi::Array::New(info.Env());
	bpf_object *object = live(info.Env(), "bpf_object__next_map");
	bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		names[names.Length()] = Napi::String::New(info.Env(), map_name(map));
	}
	return names;
}

Napi::Value BpfObject::programs(const Napi::CallbackInfo &info)
{
	Napi::Array names = Napi::Array::New(info.Env());
	bpf_object *object = live(info.Env(), "bpf_object__next_program");
	bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		names[names.Length()] = Napi::String::New(info.Env(), bpf_program__name(program));
	}
	return names;
}

Napi::Value BpfObject::initial_value(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map__initial_value";
	unloaded(info.Env(), call);
	bpf_map *map = find_map(info[0], call);
	size_t size = 0;
	const void *value = bpf_map__initial_value(map, &size);

	if (!value)
		fail(info.Env(), EINVAL, call,
		     "map '" + map_name(map) + "' is not a section of variables");
	return copy_bytes(info.Env(), value, size);
}

void BpfObject::set_initial_value(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map__set_initial_value";
	unloaded(info.Env(), call);
	bpf_map *map = find_map(info[0], call);
	Bytes bytes = bytes_arg(info[1], call, "bytes");
	size_t size = 0;

	if (!bpf_map__initial_value(map, &size))
		fail(info.Env(), EINVAL, call,
		     "map '" + map_name(map) + "' is not a section of variables");
	if (bytes.size != size)
		fail(info.Env(), EINVAL, call,
		     "value is " + std::to_string(bytes.size) + " bytes, map '" + map_name(map) +
			     "' takes " + std::to_string(size));
	if (bpf_map__set_initial_value(map, bytes.data, bytes.size))
		fail(info.Env(), errno, call, "map '" + map_name(map) + "'");
}

void BpfObject::set_max_entries(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map__set_max_entries";
	unloaded(info.Env(), call);
	bpf_map *map = find_map(info[0], call);

	if (bpf_map__set_max_entries(map, u32_arg(info[1], call, "n")))
		fail(info.Env(), errno, call, "map '" + map_name(map) + "'");
}

void BpfObject::set_autoload(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_program__set_autoload";
	unloaded(info.Env(), call);
	bpf_program *program = find_program(info[0], call);

	if (bpf_program__set_autoload(program, bool_arg(info[1], call, "on", true)))
		fail(info.Env(), errno, call, bpf_program__name(program));
}

void BpfObject::reuse_map(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map__reuse_fd";
	Napi::Env env = info.Env();
	unloaded(env, call);
	bpf_map *map = find_map(info[0], call);
	BpfMap &from = unwrap_arg<BpfMap>(info[1], call, "from");
	int fd = from.fd(env, call);
	const bpf_map_info &shape = from.shape();
	LogCapture log;

	// libbpf takes the other map's shape without a word, and programs then misread it.
	if (bpf_map__type(map) != shape.type || bpf_map__key_size(map) != shape.key_size ||
	    bpf_map__value_size(map) != shape.value_size)
		fail(env, EINVAL, call,
		     "map '" + map_name(map) + "' differs from map id " + std::to_string(shape.id) +
			     " in type, key size or value size");
	if (bpf_map__reuse_fd(map, fd))
		fail(env, errno, call, "map '" + map_name(map) + "'", log.text());
}

Napi::Value BpfObject::btf(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_object__btf";
	const struct btf *btf = bpf_object__btf(live(info.Env(), call));
	uint32_t size = 0;

	if (!btf)
		fail(info.Env(), ENOENT, call, "the object has no BTF");
	const void *data = btf__raw_data(btf, &size);
	return copy_bytes(info.Env(), data, size);
}

void BpfObject::load(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_object__load";
	LogCapture log;

	if (bpf_object__load(unloaded(info.Env(), call)))
		fail(info.Env(), errno, call,
		     std::string("object '") + bpf_object__name(object_.get()) + "'", log.text());
	loaded_ = true;
}

/// A descriptor of the caller's own; `fd` is negative when libbpf was told not to make the thing.
static Fd take(Napi::Env env, const char *call, int fd, const std::string &title, bool loaded)
{
	if (!loaded)
		fail(env, EINVAL, call, title + " is not loaded yet");
	if (fd < 0)
		fail(env, ENOENT, call, title + " was not loaded");
	Fd own = Fd::duplicate(fd);
	if (!own.open())
		fail(env, errno, "fcntl", title);
	return own;
}

Napi::Value BpfObject::map(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_map__fd";
	bpf_map *map = find_map(info[0], call);
	std::string title = "map '" + map_name(map) + "'";

	return construct<BpfMap>(info.Env(),
				 take(info.Env(), call, bpf_map__fd(map), title, loaded_));
}

Napi::Value BpfObject::program(const Napi::CallbackInfo &info)
{
	const char *call = "bpf_program__fd";
	bpf_program *program = find_program(info[0], call);
	std::string title = std::string("program '") + bpf_program__name(program) + "'";

	return construct<BpfProgram>(
		info.Env(), take(info.Env(), call, bpf_program__fd(program), title, loaded_));
}

void BpfObject::close(const Napi::CallbackInfo &)
{
	object_.reset();
}

Napi::Function BpfObject::define(Napi::Env env)
{
	return DefineClass(env, name,
			   {
				   StaticMethod<&BpfObject::open>("open"),
				   InstanceMethod<&BpfObject::maps>("maps"),
				   InstanceMethod<&BpfObject::programs>("programs"),
				   InstanceMethod<&BpfObject::initial_value>("initialValue"),
				   InstanceMethod<&BpfObject::set_initial_value>("setInitialValue"),
				   InstanceMethod<&BpfObject::set_max_entries>("setMaxEntries"),
				   InstanceMethod<&BpfObject::set_autoload>("setAutoload"),
				   InstanceMethod<&BpfObject::reuse_map>("reuseMap"),
				   InstanceMethod<&BpfObject::btf>("btf"),
				   InstanceMethod<&BpfObject::load>("load"),
				   InstanceMethod<&BpfObject::map>("map"),
				   InstanceMethod<&BpfObject::program>("program"),
				   InstanceMethod<&BpfObject::close>("close"),
			   });
}

void define_object(Napi::Env env, Napi::Object exports)
{
	Napi::Function constructor = BpfObject::define(env);

	Instance::of(env).object_class = Napi::Persistent(constructor);
	exports["BpfObject"] = constructor;
}
