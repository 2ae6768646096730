#pragma once

#include "../cpython/python.hpp"
#include "state.hpp"

namespace pycds::bindings {

// A function of the module: see _core.pyi.
PyObject* serve_script(PyObject* module, PyObject* args);

// The module goes before a script has come.
void forget_script(ModuleState& state) noexcept;

}  // namespace pycds::bindings
