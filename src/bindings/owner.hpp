#pragma once

#include "../cpython/python.hpp"

#include <memory>
#include <utility>

namespace pycds::bindings {

// A Python object that owns a C++ one.  `value` is null until __init__ has succeeded.
template <typename Value>
struct Owner {
    PyObject_HEAD std::unique_ptr<Value> value;

    static Owner& of(PyObject* self) noexcept { return *reinterpret_cast<Owner*>(self); }

    // Throws PythonError where __init__ was not called or failed.
    static Value& value_of(PyObject* self) {
        Value* value = of(self).value.get();
        if (value == nullptr) {
            PyErr_Format(PyExc_ValueError, "%.200s is not initialised", Py_TYPE(self)->tp_name);
            throw cpython::PythonError();
        }
        return *value;
    }

    static PyObject* allocate(PyTypeObject* type, PyObject* /*args*/, PyObject* /*kwargs*/) {
        PyObject* self = type->tp_alloc(type, 0);
        if (self != nullptr) {
            new (&of(self).value) std::unique_ptr<Value>();
        }
        return self;
    }

    static void deallocate(PyObject* self) {
        PyTypeObject* type = Py_TYPE(self);
        if (PyType_IS_GC(type)) {
            PyObject_GC_UnTrack(self);
        }
        of(self).value.~unique_ptr();
        type->tp_free(self);
        Py_DECREF(type);
    }
};

// For the heap types: tp_traverse must visit the type.
inline int visit_type(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    return 0;
}

// Creates a type from its specification and adds it to the module.  Throws PythonError.
inline PyTypeObject* add_type(PyObject* module, PyType_Spec& spec) {
    cpython::Ref type = cpython::Ref::steal(PyType_FromModuleAndSpec(module, &spec, nullptr));
    cpython::check(PyModule_AddType(module, reinterpret_cast<PyTypeObject*>(type.get())));
    return reinterpret_cast<PyTypeObject*>(type.release());
}

template <typename Function>
void* slot(Function* function) noexcept {
    return reinterpret_cast<void*>(function);
}

}  // namespace pycds::bindings
