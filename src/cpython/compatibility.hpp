#pragma once

// Newer functions of the C API for the older versions, under their own names, so that all other code is written for
// the newest.  Each is what CPython's later release does with the means of the earlier.

#if PY_VERSION_HEX < 0x030A0000

#define Py_TPFLAGS_DISALLOW_INSTANTIATION 0UL  // without it `ServedCode()` makes one that says it is not initialised

inline PyObject* Py_NewRef(PyObject* object) noexcept {
    Py_INCREF(object);
    return object;
}

inline PyObject* Py_XNewRef(PyObject* object) noexcept {
    Py_XINCREF(object);
    return object;
}

inline int PyModule_AddObjectRef(PyObject* module, const char* name, PyObject* value) noexcept {
    Py_XINCREF(value);
    const int result = PyModule_AddObject(module, name, value);  // takes the reference only where it succeeds
    if (result < 0) {
        Py_XDECREF(value);
    }
    return result;
}

#endif

#if PY_VERSION_HEX < 0x03090000

inline PyInterpreterState* PyInterpreterState_Get() noexcept { return PyThreadState_Get()->interp; }

inline PyObject* PyObject_CallNoArgs(PyObject* callable) noexcept {
    return PyObject_CallFunctionObjArgs(callable, nullptr);
}

inline PyObject* PyObject_CallOneArg(PyObject* callable, PyObject* argument) noexcept {
    return PyObject_CallFunctionObjArgs(callable, argument, nullptr);
}

inline PyObject* PyObject_Vectorcall(PyObject* callable, PyObject* const* arguments, std::size_t count,
                                     PyObject* names) noexcept {
    return _PyObject_Vectorcall(callable, arguments, count, names);
}

inline int PyModule_AddType(PyObject* module, PyTypeObject* type) noexcept {
    const char* dot = std::strrchr(type->tp_name, '.');
    return PyModule_AddObjectRef(module, dot == nullptr ? type->tp_name : dot + 1, reinterpret_cast<PyObject*>(type));
}

namespace pycds::cpython {

// Where a type keeps its module: no name that a program could look up by mistake.
inline constexpr const char* module_of_type = "<module>";

}  // namespace pycds::cpython

inline PyObject* PyType_FromModuleAndSpec(PyObject* module, PyType_Spec* spec, PyObject* bases) noexcept {
    PyObject* type = PyType_FromSpecWithBases(spec, bases);
    if (type != nullptr && PyDict_SetItemString(reinterpret_cast<PyTypeObject*>(type)->tp_dict,
                                                pycds::cpython::module_of_type, module) < 0) {
        Py_DECREF(type);
        return nullptr;
    }
    return type;
}

inline void* PyType_GetModuleState(PyTypeObject* type) noexcept {
    PyObject* module = PyDict_GetItemString(type->tp_dict, pycds::cpython::module_of_type);
    return module == nullptr ? nullptr : PyModule_GetState(module);
}

#endif
