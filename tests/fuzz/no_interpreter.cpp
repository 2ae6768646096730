// What the linker asks of CPython, without a CPython: as much as it takes to see where the linker reads and writes.
//
// The objects of a damaged archive whose checksums were put right are not objects, so no interpreter may get hold of
// them. Here they are bytes: each function touches what the real one relies on being there, and nothing else.

#include "no_interpreter.hpp"

#include "cpython/canonical.hpp"
#include "cpython/objects.hpp"
#include "cpython/runtime.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace {

std::vector<void*> made;

PyObject* make_object(std::size_t size, PyTypeObject* type) {
    auto* object = static_cast<PyObject*>(std::calloc(1, size));
    if (object == nullptr) {
        throw std::bad_alloc();
    }
    made.push_back(object);
    object->ob_refcnt = 1;
    object->ob_type = type;
    return object;
}

// So that a sanitizer looks at all of it.
void touch(void* object, std::size_t size) {
    std::vector<unsigned char> copy(size);
    std::memcpy(copy.data(), object, size);
    std::memcpy(object, copy.data(), size);
}

}  // namespace

// The types that the linker compares with: their addresses count, not what they are.
PyTypeObject PyCode_Type{};
PyTypeObject PyUnicode_Type{};
PyTypeObject PyBytes_Type{};
PyTypeObject PyTuple_Type{};
PyTypeObject PyFrozenSet_Type{};
PyTypeObject PyLong_Type{};

extern "C" {

void _Py_Dealloc(PyObject*) {}
PyObject* PyTuple_New(Py_ssize_t size) {
    auto* tuple = reinterpret_cast<PyVarObject*>(
        make_object(sizeof(PyTupleObject) + static_cast<std::size_t>(size) * sizeof(PyObject*), &PyTuple_Type));
    tuple->ob_size = size;
    return reinterpret_cast<PyObject*>(tuple);
}

void PyObject_GC_UnTrack(void*) {}

void* PyObject_Malloc(std::size_t size) { return make_object(size, nullptr); }

PyObject* PyObject_Init(PyObject* object, PyTypeObject* type) {
    object->ob_refcnt = 1;
    object->ob_type = type;
    return object;
}

PyObject* PyBytes_FromStringAndSize(const char* text, Py_ssize_t size) {
    const auto length = static_cast<std::size_t>(size);
    PyObject* bytes = make_object(sizeof(PyBytesObject) + length, &PyBytes_Type);
    std::memcpy(reinterpret_cast<PyBytesObject*>(bytes)->ob_sval, text, length);
    return bytes;
}

}  // extern "C"

namespace pycds::cpython {

PyObject* canonical_string(PyObject* image_string) {
    touch(image_string, sizeof(PyASCIIObject));
    return Py_NewRef(image_string);
}

void initialise_code(PyObject* image_code) noexcept { touch(image_code, sizeof(PyCodeObject)); }

std::size_t code_header_size() noexcept { return offsetof(PyCodeObject, co_code_adaptive); }

Ref make_frozenset(PyObject* items) {
    // The real one asks each for its hash.
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items); ++i) {
        touch(PyTuple_GET_ITEM(items, i), sizeof(PyObject));
    }
    return Ref::steal(make_object(sizeof(PyObject), &PyFrozenSet_Type));
}

PyObject* resolve_runtime(image::Reference reference) {
    const std::int32_t value = reference.runtime_value();
    if (reference.runtime_kind() >= image::runtime_kind_count ||
        (reference.runtime_kind() == static_cast<std::uint8_t>(image::RuntimeKind::type) &&
         (value < 0 || value >= image::runtime_type_count))) {
        return nullptr;
    }
    if (reference == image::Reference::to_type(image::RuntimeType::code)) {
        return reinterpret_cast<PyObject*>(&PyCode_Type);
    }
    if (reference == image::Reference::to_type(image::RuntimeType::string)) {
        return reinterpret_cast<PyObject*>(&PyUnicode_Type);
    }
    return make_object(sizeof(PyObject), &PyLong_Type);
}

namespace fuzz {

void forget_objects() noexcept {
    for (void* object : made) {
        std::free(object);
    }
    made.clear();
}

}  // namespace fuzz

}  // namespace pycds::cpython
