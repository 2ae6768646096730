#include "witness.hpp"

#include "runtime.hpp"

#include <algorithm>

namespace pycds::cpython {

namespace {

// Calls `visit` with each object in a dict (keys and values), list or set, in order; stops where it says false.
template <typename Visit>
bool all_in(PyObject* container, Visit&& visit) {
    if (PyDict_CheckExact(container)) {
        Py_ssize_t place = 0;
        PyObject* key = nullptr;
        PyObject* value = nullptr;
        while (PyDict_Next(container, &place, &key, &value) != 0) {
            if (!visit(key) || !visit(value)) {
                return false;
            }
        }
        return true;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(container); ++i) {
        if (!visit(PyList_GET_ITEM(container, i))) {
            return false;
        }
    }
    return true;
}

bool same_set(PyObject* set, const std::vector<Ref>& contents) noexcept {
    if (static_cast<std::size_t>(PySet_GET_SIZE(set)) != contents.size()) {
        return false;
    }
    return std::all_of(contents.begin(), contents.end(), [&](const Ref& item) {
        const int found = PySet_Contains(set, item.get());
        if (found < 0) {
            PyErr_Clear();
        }
        return found == 1;
    });
}

bool same(PyObject* container, const std::vector<Ref>& contents) noexcept {
    if (PyAnySet_CheckExact(container)) {
        return same_set(container, contents);
    }
    std::size_t next = 0;
    const bool all =
        all_in(container, [&](PyObject* item) { return next < contents.size() && contents[next++].get() == item; });
    return all && next == contents.size();
}

bool is_warning_registry(PyObject* name) noexcept {
    return PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "__warningregistry__") == 0;
}

}  // namespace

Witness::Witness(PyObject* module) {
    if (!PyModule_Check(module)) {
        PyErr_SetString(PyExc_TypeError, "only a module can be witnessed");
        throw PythonError();
    }
    dict_ = Ref::borrow(PyModule_GetDict(module));
    names_.reserve(static_cast<std::size_t>(PyDict_GET_SIZE(dict_.get())));
    all_in(dict_.get(), [&, key = static_cast<PyObject*>(nullptr)](PyObject* object) mutable {
        if (key == nullptr) {
            key = object;
        } else {
            names_.emplace_back(Ref::borrow(std::exchange(key, nullptr)), Ref::borrow(object));
        }
        return true;
    });
    for (const auto& name : names_) {
        look_into(name.second.get());
    }
}

void Witness::look_into(PyObject* value) {
    if (PyFunction_Check(value)) {
        functions_.push_back({value, Ref::borrow(PyFunction_GET_CODE(value)),
                              Ref::borrow(PyFunction_GET_DEFAULTS(value)),
                              Ref::borrow(PyFunction_GET_KW_DEFAULTS(value))});
    } else if (PyType_Check(value)) {
        (void)Ref::steal(PyObject_GetAttrString(value, "__init__"));  // a look-up gives a class its version
        types_.emplace_back(value, type_version(value));
    } else if (PyAnySet_CheckExact(value)) {
        std::vector<Ref> contents;
        const Ref iterator = Ref::steal(PyObject_GetIter(value));
        while (PyObject* item = PyIter_Next(iterator.get())) {
            contents.push_back(Ref::steal(item));
        }
        check(PyErr_Occurred() != nullptr ? -1 : 0);
        containers_.push_back({value, std::move(contents)});
    } else if (PyDict_CheckExact(value) || PyList_CheckExact(value)) {
        // The builtins of a module are everybody's, and change as other modules are imported (`_` of gettext).
        if (value == PyEval_GetBuiltins()) {
            return;
        }
        std::vector<Ref> contents;
        all_in(value, [&](PyObject* item) {
            contents.push_back(Ref::borrow(item));
            return true;
        });
        containers_.push_back({value, std::move(contents)});
    }
}

void Witness::ignore(PyObject* name) noexcept {
    for (auto& [key, value] : names_) {
        if (PyUnicode_Compare(key.get(), name) == 0) {
            value.clear();
        }
    }
}

// Names that were there keep their order; one that came since is behind them.
bool Witness::names_unchanged() const noexcept {
    Py_ssize_t place = 0;
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    std::size_t next = 0;
    while (PyDict_Next(dict_.get(), &place, &key, &value) != 0) {
        if (next == names_.size()) {
            if (!is_warning_registry(key)) {
                return false;
            }
            continue;
        }
        const auto& [known_key, known_value] = names_[next++];
        if (key != known_key.get() || (known_value && value != known_value.get())) {
            return false;
        }
    }
    return next == names_.size();
}

bool Witness::unchanged() const noexcept {
    return dict_ && names_unchanged() &&
           std::all_of(functions_.begin(), functions_.end(),
                       [](const Function& known) {
                           return PyFunction_GET_CODE(known.function) == known.code.get() &&
                                  PyFunction_GET_DEFAULTS(known.function) == known.defaults.get() &&
                                  PyFunction_GET_KW_DEFAULTS(known.function) == known.keyword_defaults.get();
                       }) &&
           std::all_of(types_.begin(), types_.end(),
                       [](const auto& known) { return known.second != 0 && type_version(known.first) == known.second; }) &&
           std::all_of(containers_.begin(), containers_.end(),
                       [](const Container& known) { return same(known.container, known.contents); });
}

}  // namespace pycds::cpython
