#pragma once

#include "../cpython/compile_call.hpp"

namespace pycds::bindings {

// Functions of the module: see _core.pyi.
PyObject* after_exec(PyObject* module, PyObject* args);
PyObject* regex_key(PyObject* module, PyObject* args);
PyObject* record_regexes(PyObject* module, PyObject* args);
PyObject* compilation_key(PyObject* module, PyObject* args);
PyObject* serve_compilations(PyObject* module, PyObject* finder);
PyObject* record_compilations(PyObject* module, PyObject* recorder);

// (mode, flags, optimize, filename, source), as compile() has them.  Throws PythonError.
[[nodiscard]] cpython::Ref from_compilation(const cpython::Compilation& compilation);

// Replaces `compile` of a module of the compiler, witnessed when this is called with the last of its modules, by one
// that asks the archive of `finder`.  Throws PythonError.
void witness_regex_module(PyObject* finder, PyObject* module);

// Calls function(module) when `loader`, an ordinary one of one module, has executed it.  `type` is AfterExec.  Throws
// PythonError.
void call_after_exec(PyTypeObject* type, PyObject* loader, PyObject* function);

}  // namespace pycds::bindings
