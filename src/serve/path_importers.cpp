#include "path_importers.hpp"

#include "../cpython/text.hpp"
#include "attributes.hpp"

#include <algorithm>
#include <utility>

namespace pycds::serve {

namespace {

using cpython::check;
using cpython::Ref;

bool equal(PyObject* left, PyObject* right) {
    const int result = PyObject_RichCompareBool(left, right, Py_EQ);
    check(result);
    return result != 0;
}

// Borrowed; null where a program has put something else in its place.
PyObject* cache() {
    PyObject* found = PySys_GetObject("path_importer_cache");
    return found != nullptr && PyDict_CheckExact(found) ? found : nullptr;
}

void put_into_cache(PyObject* key, PyObject* importer) {
    if (PyObject* all = cache()) {
        check(PyDict_SetItem(all, key, importer));
    }
}

Ref attributes_of(PyObject* importer) { return Ref::steal(PyObject_GenericGetDict(importer, nullptr)); }

// Whether two lists of (suffix, loader) are equal.  PyObject_RichCompare would look into each tuple by calls; here it
// is asked at each entry of each search path.
bool equal_loaders(PyObject* left, PyObject* right) {
    if (!PyList_CheckExact(left) || PyList_GET_SIZE(left) != PyList_GET_SIZE(right)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(left); ++i) {
        PyObject* mine = PyList_GET_ITEM(left, i);
        PyObject* other = PyList_GET_ITEM(right, i);
        if (mine == other) {
            continue;
        }
        if (!PyTuple_CheckExact(mine) || PyTuple_GET_SIZE(mine) != 2 ||
            PyTuple_GET_ITEM(mine, 1) != PyTuple_GET_ITEM(other, 1) ||
            !PyUnicode_CheckExact(PyTuple_GET_ITEM(mine, 0)) ||
            !equal(PyTuple_GET_ITEM(mine, 0), PyTuple_GET_ITEM(other, 0))) {
            return false;
        }
    }
    return true;
}

// Whether among an importer's own attributes one is this text.
bool has(const Ref& attributes, const Ref& name, PyObject* text) {
    PyObject* value = PyDict_GetItemWithError(attributes.get(), name.get());
    check(PyErr_Occurred() != nullptr ? -1 : 0);
    return value != nullptr && PyUnicode_CheckExact(value) && equal(value, text);
}

// Every interpreter's FileFinder._loaders: (suffix, loader) for each suffix of each loader.
Ref loaders_of(PyObject* external) {
    const Ref details = Ref::steal(PyObject_CallMethod(external, "_get_supported_file_loaders", nullptr));
    Ref loaders = Ref::steal(PyList_New(0));
    const Ref iterator = Ref::steal(PyObject_GetIter(details.get()));
    while (const Ref detail = Ref::steal_or_null(PyIter_Next(iterator.get()))) {
        const Ref loader = Ref::steal(PySequence_GetItem(detail.get(), 0));
        const Ref suffixes = Ref::steal(PySequence_GetItem(detail.get(), 1));
        const Ref each = Ref::steal(PyObject_GetIter(suffixes.get()));
        while (const Ref suffix = Ref::steal_or_null(PyIter_Next(each.get()))) {
            const Ref pair = Ref::steal(PyTuple_Pack(2, suffix.get(), loader.get()));
            check(PyList_Append(loaders.get(), pair.get()));
        }
    }
    check(PyErr_Occurred() != nullptr ? -1 : 0);
    return loaders;
}

// A copy of a list or set of a template; anything else is shared.
Ref fresh(PyObject* value) {
    if (PyList_CheckExact(value)) {
        return Ref::steal(PyList_GetSlice(value, 0, PyList_GET_SIZE(value)));
    }
    return PyAnySet_CheckExact(value) ? Ref::steal(PySet_New(value)) : Ref::borrow(value);
}

}  // namespace

PathImporters::PathImporters(PyObject* external, PyObject* zipimport)
    : file_finder_(attribute(external, "FileFinder")), zip_importer_(attribute(zipimport, "zipimporter")),
      ordinary_loaders_(loaders_of(external)), loaders_name_(interned("_loaders")), path_name_(interned("path")),
      archive_name_(interned("archive")), prefix_name_(interned("prefix")), no_text_(interned("")),
      no_arguments_(Ref::steal(PyTuple_New(0))) {
    const Ref path_finder = attribute(external, "PathFinder");
    path_importer_cache_ = attribute(path_finder.get(), "_path_importer_cache");
    constexpr std::array names = {"SOURCE_SUFFIXES", "BYTECODE_SUFFIXES"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        suffixes_[i] = attribute(external, names[i]);
        ordinary_suffixes_[i] = Ref::steal(PySequence_List(suffixes_[i].get()));
    }
}

// A program may have appended to them (importlib.machinery has the same lists).
bool PathImporters::suffixes_are_ordinary() const {
    return std::ranges::equal(suffixes_, ordinary_suffixes_,
                              [](const Ref& now, const Ref& then) { return equal(now.get(), then.get()); });
}

// By the attributes of a FileFinder.
bool PathImporters::is_ordinary(const Ref& attributes) const {
    PyObject* loaders = PyDict_GetItemWithError(attributes.get(), loaders_name_.get());
    check(PyErr_Occurred() != nullptr ? -1 : 0);
    // More attributes than its own: one may stand before a method of the class.
    return loaders != nullptr && equal_loaders(loaders, ordinary_loaders_.get()) &&
           (!attributes_ || PyDict_GET_SIZE(attributes.get()) == PyDict_GET_SIZE(attributes_.get()));
}

// The hook that makes FileFinders is known by what it makes.
void PathImporters::take_template(PyObject* hook) {
    const Ref made = Ref::steal_or_null(PyObject_CallFunction(hook, "s", "/"));
    if (!made) {
        PyErr_Clear();
        return;
    }
    if (reinterpret_cast<PyObject*>(Py_TYPE(made.get())) != file_finder_.get()) {
        return;
    }
    Ref attributes = attributes_of(made.get());
    if (is_ordinary(attributes)) {
        attributes_ = std::move(attributes);
        hook_ = Ref::borrow(hook);
    }
}

// As importlib._bootstrap_external._install leaves it: zipimporter (put in front by the start of the interpreter), then
// the hook of FileFinder.
bool PathImporters::hooks_are_ordinary() {
    PyObject* hooks = PySys_GetObject("path_hooks");
    if (hooks == nullptr || !PyList_CheckExact(hooks) || PyList_GET_SIZE(hooks) != 2 ||
        PyList_GET_ITEM(hooks, 0) != zip_importer_.get() || !suffixes_are_ordinary()) {
        return false;
    }
    PyObject* hook = PyList_GET_ITEM(hooks, 1);
    if (!hook_) {
        const Ref keep = Ref::borrow(hook);
        take_template(hook);
    }
    return hook == hook_.get();
}

PathImporters::Importer PathImporters::of(PyObject* key) {
    PyObject* all = cache();
    if (all == nullptr) {
        return Importer::another;
    }
    PyObject* finder = PyDict_GetItemWithError(all, key);
    if (finder == nullptr) {
        check(PyErr_Occurred() != nullptr ? -1 : 0);
        return hooks_are_ordinary() ? Importer::unknown : Importer::another;
    }
    const Ref keep = Ref::borrow(finder);
    auto* type = reinterpret_cast<PyObject*>(Py_TYPE(finder));
    if (type == file_finder_.get()) {
        const Ref attributes = attributes_of(finder);
        return is_ordinary(attributes) && has(attributes, path_name_, key) ? Importer::file_finder : Importer::another;
    }
    if (type == zip_importer_.get()) {
        const Ref attributes = attributes_of(finder);
        const bool is_whole = has(attributes, archive_name_, key) && has(attributes, prefix_name_, no_text_.get());
        return is_whole ? Importer::zip : Importer::another;
    }
    return finder == Py_None ? Importer::none : Importer::another;
}

void PathImporters::add_file_finder(PyObject* key) {
    auto* type = reinterpret_cast<PyTypeObject*>(file_finder_.get());
    const Ref finder = Ref::steal(type->tp_new(type, no_arguments_.get(), nullptr));
    PyObject* name = nullptr;
    PyObject* value = nullptr;
    for (Py_ssize_t position = 0; PyDict_Next(attributes_.get(), &position, &name, &value) != 0;) {
        const Ref own = cpython::view_text(name) == "path" ? Ref::borrow(key) : fresh(value);
        check(PyObject_SetAttr(finder.get(), name, own.get()));
    }
    put_into_cache(key, finder.get());
}

void PathImporters::add_none(PyObject* key) { put_into_cache(key, Py_None); }

void PathImporters::add_as_path_finder_does(PyObject* key) {
    (void)Ref::steal(PyObject_CallOneArg(path_importer_cache_.get(), key));
}

}  // namespace pycds::serve
