#include "meta_path.hpp"

#include <utility>

namespace pycds::serve {

using cpython::Ref;

namespace {

struct Referents {
    PyObject* object;
    PyObject* only = nullptr;
    std::size_t count = 0;
};

int take_referent(PyObject* referent, void* argument) noexcept {
    auto& found = *static_cast<Referents*>(argument);
    // From 3.9 on an instance visits its class as well.
    if (referent != reinterpret_cast<PyObject*>(Py_TYPE(found.object))) {
        found.only = referent;
        ++found.count;
    }
    return 0;
}

// What an instance of a Python class holds, if it is one object alone; else null.  Borrowed.
PyObject* only_referent(PyObject* object) noexcept {
    PyTypeObject* type = Py_TYPE(object);
    if (PyType_Check(object) || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 || !PyObject_IS_GC(object) ||
        type->tp_traverse == nullptr) {
        return nullptr;
    }
    Referents found{object};
    type->tp_traverse(object, take_referent, &found);
    if (found.count != 1) {
        return nullptr;
    }
    if (!PyDict_CheckExact(found.only)) {
        return found.only;
    }
    Py_ssize_t position = 0;  // its attributes, up to 3.10
    PyObject* value = nullptr;
    return PyDict_GET_SIZE(found.only) == 1 && PyDict_Next(found.only, &position, nullptr, &value) != 0 ? value
                                                                                                        : nullptr;
}

}  // namespace

// Itself, or in a wrapper.  A program that puts every finder into an object of a class of its own (Mercurial does, to
// make its imports lazy) does the same with whatever any of them finds, so it does not matter which of them is asked.
// An object that holds more than the finder may treat it in another way.
bool MetaPathWalk::is_ours(PyObject* finder) noexcept {
    if (finder == self_) {
        return true;
    }
    if (all_for_ != nullptr || only_referent(finder) != self_) {
        return false;
    }
    wrapper_ = Py_TYPE(finder);
    return true;
}

// What a wrapper like ours holds; null for anything else.
Ref MetaPathWalk::unwrapped(PyObject* finder) const noexcept {
    return wrapper_ == nullptr           ? Ref::borrow(finder)
           : Py_TYPE(finder) == wrapper_ ? Ref::borrow(only_referent(finder))
                                         : Ref();
}

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
        PyObject* entry = PyList_GET_ITEM(meta_path, next_);
        if (!found_ours_ && (all_for_ == nullptr || entry == self_)) {
            found_ours_ = is_ours(entry);
            continue;
        }
        const Ref finder = unwrapped(entry);
        if (!finder) {
            found_ours_ = false;
            return {};
        }
        if (import_system_.is_path_finder(finder.get())) {
            at_path_finder_ = true;
            return {};
        }
        // Another archive's, behind this one, is for what this one lacks: it asks PathFinder itself where it has to.
        const bool is_of_archive = Py_TYPE(finder.get()) == Py_TYPE(self_);
        if (is_of_archive || import_system_.ignores_files(finder.get())) {
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
        const Ref finder = unwrapped(PyList_GET_ITEM(meta_path_.get(), next_));
        if (!finder) {
            return {};  // the import system comes to it, and wraps nothing of what it finds
        }
        if (Ref spec = ask(finder.get())) {
            return spec;
        }
    }
    return {};
}

}  // namespace pycds::serve
