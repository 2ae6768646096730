#pragma once

#include "python.hpp"

namespace pycds::cpython {

// Makes a string that lies in an image the interned one, unless the process has an equal one already: then that one
// wins.  A string that was not interned at the dump (objects.hpp, must_be_canonical) is completed and stays as it is.
// Returns the canonical string with a reference owned by the caller.  Throws PythonError.
[[nodiscard]] PyObject* canonical_string(PyObject* image_string);

// Gives a code object that lies in an image what depends on its address, and what the runtime gives a new one: a
// version of its own, where the interpreter has such.
void initialise_code(PyObject* image_code) noexcept;

}  // namespace pycds::cpython
