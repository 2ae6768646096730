#pragma once

#include "../cpython/python.hpp"

namespace pycds::bindings {

// Functions of the module.
PyObject* watch_calls(PyObject* module, PyObject* function);
PyObject* watch_files(PyObject* module, PyObject* list);

}  // namespace pycds::bindings
