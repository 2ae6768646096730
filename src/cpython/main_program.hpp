#pragma once

#include "python.hpp"

namespace pycds::cpython {

enum class Outcome : int { succeeded = 0, failed = 1, not_run = 2 };

// What the interpreter does with a script once it is compiled: runs it in the namespace of __main__, reports the
// exception that ends it, flushes the standard streams (Python/pythonrun.c, _PyRun_SimpleFile).  Where SystemExit ends
// it, so does the process.  `not_run`: no memory, __main__ is not as the interpreter has made it, or an audit hook
// forbids compiling; nothing has changed.  No exception is set.
[[nodiscard]] Outcome run_main_program(PyObject* code, PyObject* filename) noexcept;

}  // namespace pycds::cpython
