#pragma once

#include "../cpython/python.hpp"

namespace pycds::bindings {

// Function of the module: see _core.pyi.
PyObject* read_phases(PyObject* module, PyObject* args);

// What a PhaseCall stands for; any other object itself.  Borrowed.
[[nodiscard]] PyObject* original_of(PyObject* function) noexcept;

// The body of a module has been run: whoever waits for it is told.  Throws nothing, and leaves no exception.
void tell_module_executed(PyObject* globals) noexcept;

}  // namespace pycds::bindings
