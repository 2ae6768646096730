#pragma once

#include "../cpython/python.hpp"
#include "import_system.hpp"

namespace pycds::serve {

enum class Until { path_finder, end };

// Asks the finders behind `self` in sys.meta_path, as importlib._bootstrap._find_spec would go on to do.
struct Asked {
    cpython::Ref spec;  // null: none of them found it
    bool saw_path_finder = false;
};

// With Until::path_finder, stops there and passes over finders that ignore files; with Until::end, asks all.
// Throws PythonError: what a finder raises, the import raises.
[[nodiscard]] Asked ask_finders_behind(PyObject* self, const ImportSystem& import_system, Until until, PyObject* name,
                                       PyObject* path, PyObject* target);

}  // namespace pycds::serve
