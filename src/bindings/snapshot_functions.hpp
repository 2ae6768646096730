#pragma once

#include "../cpython/python.hpp"

namespace pycds::bindings {

// Functions of the module.
PyObject* snapshot_prepare(PyObject* module, PyObject* nothing);
PyObject* snapshot_dump(PyObject* module, PyObject* arguments);

}  // namespace pycds::bindings
