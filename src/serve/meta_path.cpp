#include "meta_path.hpp"

namespace pycds::serve {

namespace {

using cpython::Ref;

// Null where the finder has no find_spec or finds nothing.
Ref ask(PyObject* finder, PyObject* name, PyObject* path, PyObject* target) {
    const Ref find_spec = Ref::steal_or_null(PyObject_GetAttrString(finder, "find_spec"));
    if (!find_spec) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) {
            throw cpython::PythonError();
        }
        PyErr_Clear();
        return {};
    }
    PyObject* arguments[] = {name, path, target};
    Ref spec = Ref::steal(PyObject_Vectorcall(find_spec.get(), arguments, 3, nullptr));
    return spec.get() == Py_None ? Ref() : spec;
}

}  // namespace

Asked ask_finders_behind(PyObject* self, const ImportSystem& import_system, Until until, PyObject* name, PyObject* path,
                         PyObject* target) {
    Asked asked;
    PyObject* meta_path = PySys_GetObject("meta_path");
    if (meta_path == nullptr || !PyList_Check(meta_path)) {
        return asked;
    }
    const Ref keep = Ref::borrow(meta_path);
    bool behind = false;
    // By index, as the interpreter's own loop: a finder may change the list.
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(meta_path); ++i) {
        const Ref finder = Ref::borrow(PyList_GET_ITEM(meta_path, i));
        if (!behind) {
            behind = finder.get() == self;
            continue;
        }
        if (import_system.is_path_finder(finder.get())) {
            asked.saw_path_finder = true;
            if (until == Until::path_finder) {
                return asked;
            }
        }
        if (until == Until::path_finder && import_system.ignores_files(finder.get())) {
            continue;
        }
        asked.spec = ask(finder.get(), name, path, target);
        if (asked.spec) {
            return asked;
        }
    }
    return asked;
}

}  // namespace pycds::serve
