#pragma once

#include "../cpython/python.hpp"

namespace pycds::bindings {

// A function of the module: see _core.pyi.
PyObject* start(PyObject* module, PyObject* nothing);

}  // namespace pycds::bindings
