#pragma once

#include "../cpython/python.hpp"
#include "../serve/finder.hpp"

namespace pycds::bindings {

// The serve::Finder behind a Finder object.  Throws PythonError.
[[nodiscard]] serve::Finder& finder_of(PyObject* self);

// Makes `loader` answer its next get_code(name) from the archive.  Throws PythonError.
void serve_code_through(PyObject* finder, PyObject* loader, PyObject* name, const image::EntryRecord& entry);

// Has the memo see a module that belongs to the compiler of regular expressions when it has been executed.  Throws
// PythonError.
void witness_when_executed(PyObject* finder, PyObject* loader, const image::EntryRecord& entry);

}  // namespace pycds::bindings
