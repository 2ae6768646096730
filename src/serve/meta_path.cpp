#include "meta_path.hpp"

#include <utility>

namespace pycds::serve {

using cpython::Ref;

// Null where the finder finds nothing.
Ref MetaPathWalk::ask(PyObject* finder) const {
    if (all_for_ == nullptr) {
        return ask_unlocked(finder);
    }
    const ImportLock lock(*all_for_);
    return ask_unlocked(finder);
}

Ref MetaPathWalk::ask_unlocked(PyObject* finder) const {
    const Ref find_spec = Ref::steal_or_null(PyObject_GetAttrString(finder, "find_spec"));
    if (!find_spec) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) {
            throw cpython::PythonError();
        }
        PyErr_Clear();
        return import_system_.find_spec_without(finder, question_.name, question_.path);
    }
    PyObject* arguments[] = {question_.name, question_.path, question_.target};
    Ref spec = Ref::steal(PyObject_Vectorcall(find_spec.get(), arguments, 3, nullptr));
    return spec.get() == Py_None ? Ref() : spec;
}

Ref MetaPathWalk::ask_first() {
    PyObject* meta_path = import_system_.sys().meta_path();
    if (meta_path == nullptr || !PyList_Check(meta_path)) {
        return {};
    }
    meta_path_ = Ref::borrow(meta_path);
    // By index, as the interpreter's own loop: a finder may change the list.
    for (; next_ < PyList_GET_SIZE(meta_path); ++next_) {
        const Ref finder = Ref::borrow(PyList_GET_ITEM(meta_path, next_));
        if (!found_ours_ && (all_for_ == nullptr || finder.get() == self_)) {
            found_ours_ = finder.get() == self_;
            continue;
        }
        if (import_system_.is_path_finder(finder.get())) {
            at_path_finder_ = true;
            return {};
        }
        if (import_system_.ignores_files(finder.get())) {
            passed_over_.push_back(finder);
        } else if (Ref spec = ask(finder.get())) {
            return spec;
        }
    }
    return {};
}

Ref MetaPathWalk::ask_passed_over() {
    for (const Ref& finder : std::exchange(passed_over_, {})) {
        if (Ref spec = ask(finder.get())) {
            return spec;
        }
    }
    return {};
}

Ref MetaPathWalk::ask_rest() {
    if (Ref spec = ask_passed_over()) {
        return spec;
    }
    for (; meta_path_ && next_ < PyList_GET_SIZE(meta_path_.get()); ++next_) {
        const Ref finder = Ref::borrow(PyList_GET_ITEM(meta_path_.get(), next_));
        if (Ref spec = ask(finder.get())) {
            return spec;
        }
    }
    return {};
}

}  // namespace pycds::serve
