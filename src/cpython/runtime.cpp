#include "runtime.hpp"

#include "../image/file.hpp"
#include "layout.hpp"

#include <array>
#include <fcntl.h>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace pycds::cpython {

namespace {

using image::Reference;
using image::RuntimeKind;
using image::RuntimeSingleton;
using image::RuntimeType;

static_assert(layout::smallest_small_int >= -image::runtime_bias);
static_assert(layout::largest_small_int < long{image::runtime_values} - image::runtime_bias);

std::optional<Reference> small_int_reference(PyObject* object) {
    int overflow = 0;
    const long value = PyLong_AsLongAndOverflow(object, &overflow);
    if (overflow != 0 || value < layout::smallest_small_int || value > layout::largest_small_int) {
        return std::nullopt;
    }
    return Reference::to_runtime(RuntimeKind::small_int, static_cast<std::int32_t>(value));
}

std::optional<Reference> string_reference(PyObject* object) {
    if (PyUnicode_GET_LENGTH(object) == 0) {
        return Reference::to_singleton(RuntimeSingleton::empty_string);
    }
    if (PyUnicode_GET_LENGTH(object) > 1 || PyUnicode_READ_CHAR(object, 0) > 0xFF) {
        return std::nullopt;
    }
    const RuntimeKind kind = PyUnicode_CHECK_INTERNED(object) ? RuntimeKind::interned_char : RuntimeKind::character;
    return Reference::to_runtime(kind, static_cast<std::int32_t>(PyUnicode_READ_CHAR(object, 0)));
}

std::optional<Reference> bytes_reference(PyObject* object) {
    if (PyBytes_GET_SIZE(object) == 0) {
        return Reference::to_singleton(RuntimeSingleton::empty_bytes);
    }
    if (PyBytes_GET_SIZE(object) > 1) {
        return std::nullopt;
    }
    return Reference::to_runtime(RuntimeKind::byte, static_cast<unsigned char>(PyBytes_AS_STRING(object)[0]));
}

PyObject* resolve_singleton(std::int32_t value) {
    if (value < 0 || value >= image::runtime_singleton_count) {
        return nullptr;
    }
    switch (static_cast<RuntimeSingleton>(value)) {
    case RuntimeSingleton::none:
        return Py_NewRef(Py_None);
    case RuntimeSingleton::true_:
        return Py_NewRef(Py_True);
    case RuntimeSingleton::false_:
        return Py_NewRef(Py_False);
    case RuntimeSingleton::ellipsis:
        return Py_NewRef(Py_Ellipsis);
    case RuntimeSingleton::empty_tuple:
        return PyTuple_New(0);
    case RuntimeSingleton::empty_bytes:
        return PyBytes_FromStringAndSize(nullptr, 0);
    case RuntimeSingleton::empty_string:
        return PyUnicode_New(0, 0);
    }
    return nullptr;
}

PyObject* resolve_character(std::int32_t value, bool interned) {
    PyObject* character = PyUnicode_FromOrdinal(value);
    if (interned && character != nullptr) {
        PyUnicode_InternInPlace(&character);
    }
    return character;
}

PyObject* resolve_value(Reference reference) {
    const std::int32_t value = reference.runtime_value();
    switch (static_cast<RuntimeKind>(reference.runtime_kind())) {
    case RuntimeKind::type:
        return value < 0 || value >= image::runtime_type_count
                   ? nullptr
                   : reinterpret_cast<PyObject*>(runtime_type(static_cast<RuntimeType>(value)));
    case RuntimeKind::singleton:
        return resolve_singleton(value);
    case RuntimeKind::small_int:
        return PyLong_FromLong(value);
    case RuntimeKind::character:
        return resolve_character(value, false);
    case RuntimeKind::interned_char:
        return resolve_character(value, true);
    case RuntimeKind::byte: {
        const char byte = static_cast<char>(value);
        return PyBytes_FromStringAndSize(&byte, 1);
    }
    }
    return nullptr;
}

// The environment that the process was started with, each variable behind a NUL.  The program may have changed its own
// since, which the kernel's copy does not follow.  nullopt where that cannot be read.
std::optional<std::string> initial_environment() {
    const image::FileDescriptor file(::open("/proc/self/environ", O_RDONLY | O_CLOEXEC));
    if (!file.valid()) {
        return std::nullopt;
    }
    std::string text(1, '\0');
    std::array<char, 4096> part{};
    ssize_t size = 0;
    while ((size = ::read(file.get(), part.data(), part.size())) > 0) {
        text.append(part.data(), static_cast<std::size_t>(size));
    }
    return size < 0 ? std::nullopt : std::optional(std::move(text));
}

bool seed_is_left_to_chance() {
    using namespace std::string_view_literals;
    constexpr auto name = "\0PYTHONHASHSEED="sv;
    const auto environment = initial_environment();
    if (!environment) {
        return false;
    }
    const auto place = environment->find(name);
    if (place == std::string::npos) {
        return true;
    }
    const std::string_view rest = std::string_view(*environment).substr(place + name.size());
    const std::string_view seed = rest.substr(0, rest.find('\0'));
    return seed.empty() || seed == "random"sv;
}

}  // namespace

std::optional<Reference> as_runtime_reference(PyObject* object) {
    const auto singleton = [](RuntimeSingleton which) { return Reference::to_singleton(which); };
    if (object == Py_None) {
        return singleton(RuntimeSingleton::none);
    }
    if (object == Py_True) {
        return singleton(RuntimeSingleton::true_);
    }
    if (object == Py_False) {
        return singleton(RuntimeSingleton::false_);
    }
    if (object == Py_Ellipsis) {
        return singleton(RuntimeSingleton::ellipsis);
    }
    if (PyLong_CheckExact(object)) {
        return small_int_reference(object);
    }
    if (PyUnicode_CheckExact(object)) {
        return string_reference(object);
    }
    if (PyBytes_CheckExact(object)) {
        return bytes_reference(object);
    }
    if (PyTuple_CheckExact(object) && PyTuple_GET_SIZE(object) == 0) {
        return singleton(RuntimeSingleton::empty_tuple);
    }
    return std::nullopt;
}

// As unmarshalling makes one (Python/marshal.c, r_object).
Ref make_frozenset(PyObject* items) {
    return Ref::steal(PyTuple_GET_SIZE(items) == 0 ? PyObject_CallNoArgs(reinterpret_cast<PyObject*>(&PyFrozenSet_Type))
                                                   : PyFrozenSet_New(items));
}

PyTypeObject* runtime_type(RuntimeType type) noexcept {
    static constexpr std::array<PyTypeObject*, image::runtime_type_count> types = {
        &PyCode_Type,  &PyUnicode_Type, &PyBytes_Type, &PyLong_Type,
        &PyFloat_Type, &PyComplex_Type, &PyTuple_Type, &PySlice_Type,
    };
    const auto index = static_cast<std::size_t>(type);
    return index < types.size() ? types[index] : nullptr;
}

// Python/initconfig.c, config_init_hash_seed (Python/bootstrap_hash.c, 3.8's Python/coreconfig.c the same).
bool hashes_are_random() noexcept {
    PyObject* flags = PySys_GetObject("flags");
    const Ref ignores =
        flags == nullptr ? Ref() : Ref::steal_or_null(PyObject_GetAttrString(flags, "ignore_environment"));
    if (!ignores) {
        PyErr_Clear();
        return false;
    }
    try {
        return PyObject_IsTrue(ignores.get()) == 1 || seed_is_left_to_chance();
    } catch (const std::bad_alloc&) {
        return false;
    }
}

// The tag by which the interpreter's own caches are invalidated (Objects/typeobject.c, PyType_Modified).
unsigned type_version(PyObject* type) noexcept { return layout::type_version(*reinterpret_cast<PyTypeObject*>(type)); }

// Only types that are static and built in have theirs elsewhere, from 3.12 on (lookup_tp_dict in Objects/typeobject.c).
Ref class_attributes(PyObject* type) { return Ref::steal(PyDict_Copy(reinterpret_cast<PyTypeObject*>(type)->tp_dict)); }

PyObject* resolve_runtime(Reference reference) {
    PyObject* object = resolve_value(reference);
    if (object == nullptr && PyErr_Occurred() != nullptr) {
        throw PythonError();
    }
    return object;
}

}  // namespace pycds::cpython
