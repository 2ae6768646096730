#include "witness.hpp"

#include "runtime.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace pycds::cpython {

namespace {

// A number that another change of the dict makes another one (PEP 509); 0 where dicts have none any more, from 3.14 on.
std::uint64_t version_of([[maybe_unused]] PyObject* dict) noexcept {
#if PY_VERSION_HEX < 0x030E0000
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // since 3.12, and kept up to 3.13
    return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag;
#pragma GCC diagnostic pop
#else
    return 0;
#endif
}

// The memory in which a list or set has its items.
std::span<const std::byte> memory_of(PyObject* sequence) noexcept {
    if (PyList_CheckExact(sequence)) {
        const auto& list = *reinterpret_cast<PyListObject*>(sequence);
        return std::as_bytes(std::span(list.ob_item, static_cast<std::size_t>(Py_SIZE(sequence))));
    }
    const auto& set = *reinterpret_cast<PySetObject*>(sequence);
    return std::as_bytes(std::span(set.table, static_cast<std::size_t>(set.mask) + 1));
}

bool same_memory(std::span<const std::byte> one, std::span<const std::byte> other) noexcept {
    return one.size() == other.size() && (one.empty() || std::memcmp(one.data(), other.data(), one.size()) == 0);
}

bool is_warning_registry(PyObject* name) noexcept {
    return PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "__warningregistry__") == 0;
}

// A text as good as the one that was there is no change (regrtest makes `__file__` of all modules absolute).
bool is_same(PyObject* one, PyObject* other) noexcept {
    return one == other ||
           (PyUnicode_CheckExact(one) && PyUnicode_CheckExact(other) && PyUnicode_Compare(one, other) == 0);
}

}  // namespace

Witness::Witness(PyObject* module, Seen& seen) {
    if (!PyModule_Check(module)) {
        PyErr_SetString(PyExc_TypeError, "only a module can be witnessed");
        throw PythonError();
    }
    dict_ = Ref::borrow(PyModule_GetDict(module));
    names_ = items_of(dict_.get());
    // The builtins of a module are everybody's, and change as other modules are imported (`_` of gettext).
    seen.insert(PyEval_GetBuiltins());
    for (const auto& name : names_.items) {
        if (seen.insert(name.second.get()).second) {
            look_into(name.second.get());
        }
    }
}

Witness::Dict Witness::items_of(PyObject* dict) {
    Dict known{dict, version_of(dict), {}};
    known.items.reserve(static_cast<std::size_t>(PyDict_GET_SIZE(dict)));
    Py_ssize_t place = 0;
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    while (PyDict_Next(dict, &place, &key, &value) != 0) {
        known.items.emplace_back(Ref::borrow(key), Ref::borrow(value));
    }
    return known;
}

void Witness::look_into(PyObject* value) {
    if (PyFunction_Check(value)) {
        functions_.push_back({value, Ref::borrow(PyFunction_GET_CODE(value)),
                              Ref::borrow(PyFunction_GET_DEFAULTS(value)),
                              Ref::borrow(PyFunction_GET_KW_DEFAULTS(value))});
    } else if (PyType_Check(value)) {
        types_.push_back(parts_of(value));
    } else if (PyDict_CheckExact(value)) {
        dicts_.push_back(items_of(value));
    } else if (PyList_CheckExact(value) || Py_TYPE(value) == &PySet_Type) {
        const auto memory = memory_of(value);
        Sequence known{value, {}, {memory.begin(), memory.end()}};
        const Ref items = Ref::steal(PySequence_List(value));
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
            known.alive.push_back(Ref::borrow(PyList_GET_ITEM(items.get(), i)));
        }
        sequences_.push_back(std::move(known));
    }
}

Witness::Type Witness::parts_of(PyObject* type) {
    (void)Ref::steal(PyObject_GetAttrString(type, "__init__"));  // a look-up gives a class its version
    PyObject* order = reinterpret_cast<PyTypeObject*>(type)->tp_mro;
    Type known{type, type_version(type), Ref::borrow(order), {}};
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(order); ++i) {
        auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(order, i));
        if ((base->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0) {
            known.dicts.push_back(items_of(base->tp_dict));
        }
    }
    return known;
}

// Versions are given anew when the interpreter's cache of attributes is cleared (sys._clear_type_cache), and there may
// be none left to give: then it is looked at what they stand for.
bool Witness::unchanged(Type& known) noexcept {
    const unsigned version = type_version(known.type);
    if (version != 0 && version == known.version) {
        return true;
    }
    if (reinterpret_cast<PyTypeObject*>(known.type)->tp_mro != known.order.get() ||
        !std::all_of(known.dicts.begin(), known.dicts.end(), [](Dict& dict) { return unchanged(dict); })) {
        return false;
    }
    known.version = version;
    return true;
}

void Witness::ignore(PyObject* name) noexcept {
    for (auto& [key, value] : names_.items) {
        if (PyUnicode_Compare(key.get(), name) == 0) {
            value.clear();
        }
    }
}

// What was there keeps its order; what came since is behind it.
bool Witness::unchanged(Dict& known) noexcept {
    const std::uint64_t version = version_of(known.dict);
    if (version != 0 && version == known.version) {
        return true;
    }
    Py_ssize_t place = 0;
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    auto next = known.items.begin();
    while (PyDict_Next(known.dict, &place, &key, &value) != 0) {
        if (next == known.items.end()) {
            if (!is_warning_registry(key)) {
                return false;
            }
        } else if (key != next->first.get() || (next->second && !is_same(value, next->second.get()))) {
            return false;
        } else {
            ++next;
        }
    }
    if (next != known.items.end()) {
        return false;
    }
    known.version = version;
    return true;
}

bool Witness::unchanged() noexcept {
    return dict_ && unchanged(names_) &&
           std::all_of(functions_.begin(), functions_.end(),
                       [](const Function& known) {
                           return PyFunction_GET_CODE(known.function) == known.code.get() &&
                                  PyFunction_GET_DEFAULTS(known.function) == known.defaults.get() &&
                                  PyFunction_GET_KW_DEFAULTS(known.function) == known.keyword_defaults.get();
                       }) &&
           std::all_of(types_.begin(), types_.end(), [](Type& known) { return unchanged(known); }) &&
           std::all_of(dicts_.begin(), dicts_.end(), [](Dict& known) { return unchanged(known); }) &&
           std::all_of(sequences_.begin(), sequences_.end(),
                       [](const Sequence& known) { return same_memory(memory_of(known.sequence), known.contents); });
}

}  // namespace pycds::cpython
