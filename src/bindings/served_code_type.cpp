// ServedCode: what a loader's `get_code` is while its code is to come from the archive.
//
// It stands in the instance dictionary of one ordinary loader, in front of the class's own get_code, and takes itself
// away when it has answered; from then on the loader is as if the archive had never been.

#include "boundary.hpp"
#include "conversions.hpp"
#include "finder_type.hpp"
#include "owner.hpp"

#include <unordered_map>

namespace pycds::bindings {

namespace {

using cpython::check;
using cpython::Ref;

struct Served {
    Ref finder;
    Ref loader;  // a cycle through the loader's dictionary, broken by the answer or by the collector
    std::unordered_map<std::string, const image::EntryRecord*> pending;  // a zipimporter serves many modules
};
using ServedOwner = Owner<Served>;

void remove_from_loader(PyObject* self, const Served& served, PyObject* attribute) {
    const Ref dict = Ref::steal(PyObject_GenericGetDict(served.loader.get(), nullptr));
    PyObject* present = PyDict_GetItemWithError(dict.get(), attribute);
    if (present == self) {
        check(PyDict_DelItem(dict.get(), attribute));
    } else if (PyErr_Occurred() != nullptr) {
        throw cpython::PythonError();
    }
}

// What would have been called without us.
PyObject* call_own_get_code(PyObject* loader, PyObject* attribute, PyObject* name) {
    const Ref own = Ref::steal(PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(loader)), attribute));
    return PyObject_CallFunctionObjArgs(own.get(), loader, name, nullptr);
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        static const char* keywords[] = {"fullname", nullptr};
        PyObject* name = nullptr;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "O:get_code", const_cast<char**>(keywords), &name) == 0) {
            return nullptr;
        }
        Served& served = ServedOwner::value_of(self);
        const Ref loader = served.loader;
        const Ref finder_object = served.finder;
        if (!loader || !finder_object) {
            PyErr_SetString(PyExc_ReferenceError, "the loader of this code is gone");
            return nullptr;
        }
        serve::Finder& finder = finder_of(finder_object.get());
        PyObject* attribute = finder.import_system().get_code_name();
        const Ref keep_self = Ref::borrow(self);

        const auto place =
            PyUnicode_Check(name) ? served.pending.find(std::string(cpython::view_text(name))) : served.pending.end();
        if (place == served.pending.end()) {
            return call_own_get_code(loader.get(), attribute, name);
        }
        const image::EntryRecord& entry = *place->second;
        served.pending.erase(place);
        if (served.pending.empty()) {
            remove_from_loader(self, served, attribute);
        }
        Ref code = finder.code_for(entry, serve::Between::anything);
        return code ? code.release() : call_own_get_code(loader.get(), attribute, name);
    });
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    if (const auto* served = ServedOwner::of(self).value.get()) {
        for (const Ref* ref : {&served->finder, &served->loader}) {
            if (const int result = ref->visit(visit, arg)) {
                return result;
            }
        }
    }
    return visit_type(self, visit, arg);
}

int clear(PyObject* self) {
    if (auto* served = ServedOwner::of(self).value.get()) {
        served->finder.clear();
        served->loader.clear();
    }
    return 0;
}

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("The get_code of a loader whose code comes from an archive.")},
    {Py_tp_dealloc, slot(ServedOwner::deallocate)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_clear, slot(clear)},
    {Py_tp_call, slot(call)},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.ServedCode", sizeof(ServedOwner), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

void serve_code_through(PyObject* finder, PyObject* loader, PyObject* name, const image::EntryRecord& entry) {
    PyTypeObject* type = state_of_type(Py_TYPE(finder)).served_code;
    PyObject* attribute = finder_of(finder).import_system().get_code_name();
    const std::string text(cpython::view_text(name));

    const Ref dict = Ref::steal(PyObject_GenericGetDict(loader, nullptr));
    PyObject* present = PyDict_GetItemWithError(dict.get(), attribute);
    if (present == nullptr && PyErr_Occurred() != nullptr) {
        throw cpython::PythonError();
    }
    if (present != nullptr && Py_TYPE(present) == type) {
        Served& value = ServedOwner::value_of(present);
        if (value.finder.get() == finder) {
            value.pending[text] = &entry;
        }
        return;  // of another archive, behind this one, whose finder answered: that one serves it
    }
    const Ref served = Ref::steal(ServedOwner::allocate(type, nullptr, nullptr));
    ServedOwner::of(served.get()).value = std::make_unique<Served>();
    Served& value = ServedOwner::value_of(served.get());
    value.finder = Ref::borrow(finder);
    value.loader = Ref::borrow(loader);
    value.pending.emplace(text, &entry);
    check(PyDict_SetItem(dict.get(), attribute, served.get()));
}

PyTypeObject* add_served_code_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
