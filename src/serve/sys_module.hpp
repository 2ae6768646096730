#pragma once

#include "../cpython/python.hpp"

namespace pycds::serve {

// Attributes of the module sys that imports look at.  As PySys_GetObject, which makes a str of the name at each call.
class SysModule {
  public:
    // Throws PythonError.
    SysModule() : dictionary_(Ref::borrow(PyModule_GetDict(Ref::steal(PyImport_ImportModule("sys")).get()))) {}

    // Borrowed; null where it is not there.
    [[nodiscard]] PyObject* modules() const noexcept { return at(modules_); }
    [[nodiscard]] PyObject* path() const noexcept { return at(path_); }
    [[nodiscard]] PyObject* path_hooks() const noexcept { return at(path_hooks_); }
    [[nodiscard]] PyObject* meta_path() const noexcept { return at(meta_path_); }
    // Throws PythonError.
    [[nodiscard]] bool is_verbose() const {
        const Ref flags = Ref::borrow(at(interned("flags")));
        const Ref verbose = Ref::steal(PyObject_GetAttrString(flags.get(), "verbose"));
        return PyLong_AsLong(verbose.get()) != 0;
    }
    [[nodiscard]] PyObject* pycache_prefix() const noexcept { return at(pycache_prefix_); }

  private:
    using Ref = cpython::Ref;

    [[nodiscard]] PyObject* at(const Ref& name) const noexcept { return PyDict_GetItem(dictionary_.get(), name.get()); }
    [[nodiscard]] static Ref interned(const char* name) { return Ref::steal(PyUnicode_InternFromString(name)); }

    Ref dictionary_;
    Ref modules_ = interned("modules");
    Ref path_ = interned("path");
    Ref path_hooks_ = interned("path_hooks");
    Ref meta_path_ = interned("meta_path");
    Ref pycache_prefix_ = interned("pycache_prefix");
};

}  // namespace pycds::serve
