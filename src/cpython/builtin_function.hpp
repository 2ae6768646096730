#pragma once

// A function of C that a module has (`builtins.exec`), made to call another one of C while remaining the same object,
// with the same name, signature and place on every stack.
//
// PyCFunctionObject.m_ml says what is called (Objects/methodobject.c, cfunction_vectorcall_FASTCALL and its kin read
// m_ml->ml_meth at each call, and so do the specialised instructions, CALL_BUILTIN_FAST and others of
// Python/bytecodes.c).  It points into a static table of the interpreter; here it points to a copy.

#include "python.hpp"

#include <memory>

namespace pycds::cpython {

class BuiltinFunction {
  public:
    using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
    using FastWithNames = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

    BuiltinFunction() noexcept = default;
    BuiltinFunction(const BuiltinFunction&) = delete;
    BuiltinFunction& operator=(const BuiltinFunction&) = delete;
    ~BuiltinFunction() { give_back(); }

    // From now on `function` calls whichever of the two it is called like.  False, and nothing done, where it is no
    // such function, or this has one.  Throws std::bad_alloc.
    [[nodiscard]] bool take(PyObject* function, Fast fast, FastWithNames with_names);
    void give_back() noexcept;

    // What it called before.  Returns null with an exception set.
    [[nodiscard]] PyObject* call_original(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                          PyObject* names) const;

    int visit(visitproc visitor, void* argument) const { return function_.visit(visitor, argument); }

  private:
    Ref function_;
    PyMethodDef* original_ = nullptr;  // the interpreter's own, static
    std::unique_ptr<PyMethodDef> replacement_;
};

}  // namespace pycds::cpython
