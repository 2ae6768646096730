#pragma once

// What the cyclic garbage collector knows of.

#include "python.hpp"

#include <unordered_set>

namespace pycds::cpython {

// A list of the objects that gc.get_objects() gives whose type is one of `types` itself, not one derived from it.
// Throws PythonError.
[[nodiscard]] Ref tracked_instances(const std::unordered_set<const PyTypeObject*>& types);

}  // namespace pycds::cpython
