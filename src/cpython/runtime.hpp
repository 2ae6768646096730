#pragma once

// The objects that the runtime owns: types, singletons, small ints, one-character strings and one-byte bytes.  Code
// must refer to these very objects, so an image names them by value and never holds a copy.

#include "../image/reference.hpp"
#include "python.hpp"

#include <optional>

namespace pycds::cpython {

// The reference that stands for `object`, if it is one that the runtime owns.
[[nodiscard]] std::optional<image::Reference> as_runtime_reference(PyObject* object);

// An empty or a filled frozenset; the empty one is the runtime's where it has such (up to 3.9).  Throws PythonError.
[[nodiscard]] Ref make_frozenset(PyObject* items);

// The object behind such a reference, with a reference owned by the caller.  Throws PythonError; returns null where
// the reference names nothing (a damaged or foreign image).
[[nodiscard]] PyObject* resolve_runtime(image::Reference reference);

// Types by image::RuntimeType, borrowed (they are static).
[[nodiscard]] PyTypeObject* runtime_type(image::RuntimeType type) noexcept;

// Whether the hashes of text are other ones in each process: their seed is chance, and not given by PYTHONHASHSEED.
[[nodiscard]] bool hashes_are_random() noexcept;

// A number that is another one after any change to the attributes of a type or of its bases.
[[nodiscard]] unsigned type_version(PyObject* type) noexcept;

// A copy of what a class that was written in Python has in its own dict.  Throws PythonError.
[[nodiscard]] Ref class_attributes(PyObject* type);

}  // namespace pycds::cpython
