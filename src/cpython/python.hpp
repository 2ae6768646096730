#pragma once

// The one place that includes Python's headers, and the types that make ownership and failure visible.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstddef>
#include <cstring>
#include <utility>

#include "compatibility.hpp"

namespace pycds::cpython {

// A Python exception is set; unwinds to `bindings` (or to the finder), which returns NULL to the interpreter.
class PythonError {};

// Not inlined: in each of the hundreds of calls of the C API it would be forty bytes.
[[noreturn, gnu::noinline, gnu::cold]] inline void throw_python_error() { throw PythonError(); }

// An owned reference.  Construction from a new reference is explicit: `Ref::steal(PyList_New(0))` throws PythonError
// where the call returned NULL; `Ref::borrow(p)` takes a reference of its own.
class Ref {
  public:
    Ref() noexcept = default;
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref(const Ref& other) noexcept : object_(Py_XNewRef(other.object_)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() { Py_XDECREF(object_); }

    [[nodiscard]] static Ref steal(PyObject* object) {
        if (object == nullptr) {
            throw_python_error();
        }
        return Ref(object);
    }
    [[nodiscard]] static Ref steal_or_null(PyObject* object) noexcept { return Ref(object); }
    [[nodiscard]] static Ref borrow(PyObject* object) noexcept { return Ref(Py_XNewRef(object)); }

    [[nodiscard]] PyObject* get() const noexcept { return object_; }
    [[nodiscard]] PyObject* release() noexcept { return std::exchange(object_, nullptr); }
    explicit operator bool() const noexcept { return object_ != nullptr; }

    // For tp_traverse and tp_clear.
    int visit(visitproc visitor, void* argument) const { return object_ == nullptr ? 0 : visitor(object_, argument); }
    void clear() noexcept { Ref().swap(*this); }
    void swap(Ref& other) noexcept { std::swap(object_, other.object_); }

  private:
    explicit Ref(PyObject* object) noexcept : object_(object) {}

    PyObject* object_ = nullptr;
};

// Throws where a C API call has failed with -1.
inline void check(int result) {
    if (result < 0) {
        throw_python_error();
    }
}

}  // namespace pycds::cpython
