#pragma once

#include "../cpython/python.hpp"

namespace pycds::serve {

// All throw PythonError.

[[nodiscard]] inline cpython::Ref attribute(PyObject* object, const char* name) {
    return cpython::Ref::steal(PyObject_GetAttrString(object, name));
}

[[nodiscard]] inline cpython::Ref interned(const char* text) {
    return cpython::Ref::steal(PyUnicode_InternFromString(text));
}

// Whether a function of Python names a global or an attribute.
[[nodiscard]] inline bool names_in_code(PyObject* function, const char* name) {
    const cpython::Ref code = attribute(function, "__code__");
    const cpython::Ref names = attribute(code.get(), "co_names");
    const cpython::Ref wanted = cpython::Ref::steal(PyUnicode_FromString(name));
    const int found = PySequence_Contains(names.get(), wanted.get());
    cpython::check(found);
    return found != 0;
}

}  // namespace pycds::serve
