// AfterExec: what a loader's `exec_module` is while somebody waits for its module to have been executed.
//
// Like ServedCode it stands in the instance dictionary of one ordinary loader, in front of the class's own method, and
// takes itself away when it is called.

#include "../cpython/thread_end.hpp"

#include "boundary.hpp"
#include "finder_type.hpp"
#include "memo_types.hpp"
#include "owner.hpp"

#include <vector>

namespace pycds::bindings {

namespace {

using cpython::check;
using cpython::Ref;

constexpr const char* attribute = "exec_module";

struct Waiting {
    Ref loader;  // a cycle through the loader's dictionary, broken by the call or by the collector
    std::vector<Ref> functions;
};
using WaitingOwner = Owner<Waiting>;

void remove_from_loader(PyObject* self, PyObject* loader) {
    const Ref dict = Ref::steal(PyObject_GenericGetDict(loader, nullptr));
    if (PyDict_GetItemString(dict.get(), attribute) == self) {
        check(PyDict_DelItemString(dict.get(), attribute));
    }
}

// What would have been called without us.
Ref execute(PyObject* loader, PyObject* args, PyObject* kwargs) {
    const Ref own = Ref::steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(loader)), attribute));
    const Py_ssize_t count = PyTuple_GET_SIZE(args);
    const Ref all = Ref::steal(PyTuple_New(count + 1));
    PyTuple_SET_ITEM(all.get(), 0, Py_NewRef(loader));
    for (Py_ssize_t i = 0; i < count; ++i) {
        PyTuple_SET_ITEM(all.get(), i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
    }
    return Ref::steal(cpython::call_or_hang([&] { return PyObject_Call(own.get(), all.get(), kwargs); }));
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        Waiting& waiting = WaitingOwner::value_of(self);
        const Ref loader = waiting.loader;
        const std::vector<Ref> functions = waiting.functions;
        if (!loader) {
            PyErr_SetString(PyExc_ReferenceError, "the loader of this module is gone");
            return nullptr;
        }
        const Ref keep_self = Ref::borrow(self);
        remove_from_loader(self, loader.get());
        Ref result = execute(loader.get(), args, kwargs);
        PyObject* module = PyTuple_GET_SIZE(args) != 0 ? PyTuple_GET_ITEM(args, 0)
                           : kwargs != nullptr         ? PyDict_GetItemString(kwargs, "module")
                                                       : nullptr;
        for (const Ref& function : functions) {
            const Ref told =
                Ref::steal_or_null(module == nullptr ? nullptr : PyObject_CallOneArg(function.get(), module));
            if (!told) {
                PyErr_Clear();  // whoever waited does without; the import must not fail for it
            }
        }
        return result.release();
    });
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    if (const auto* waiting = WaitingOwner::of(self).value.get()) {
        for (const Ref& function : waiting->functions) {
            if (const int result = function.visit(visit, arg)) {
                return result;
            }
        }
        if (const int result = waiting->loader.visit(visit, arg)) {
            return result;
        }
    }
    return visit_type(self, visit, arg);
}

int clear(PyObject* self) {
    if (auto* waiting = WaitingOwner::of(self).value.get()) {
        waiting->loader.clear();
        std::vector<Ref>().swap(waiting->functions);
    }
    return 0;
}

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("The exec_module of a loader while somebody waits for the module.")},
    {Py_tp_dealloc, slot(WaitingOwner::deallocate)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_clear, slot(clear)},
    {Py_tp_call, slot(call)},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.AfterExec", sizeof(WaitingOwner), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

void call_after_exec(PyTypeObject* type, PyObject* loader, PyObject* function) {
    const Ref dict = Ref::steal(PyObject_GenericGetDict(loader, nullptr));
    // A trace, or an archive in front of the one that serves: both are to know.
    PyObject* present = PyDict_GetItemString(dict.get(), attribute);
    if (present != nullptr && Py_TYPE(present) == type) {
        WaitingOwner::value_of(present).functions.push_back(Ref::borrow(function));
        return;
    }
    const Ref waiting = Ref::steal(WaitingOwner::allocate(type, nullptr, nullptr));
    WaitingOwner::of(waiting.get()).value = std::make_unique<Waiting>();
    WaitingOwner::value_of(waiting.get()) = {Ref::borrow(loader), {Ref::borrow(function)}};
    check(PyDict_SetItemString(dict.get(), attribute, waiting.get()));
}

PyObject* after_exec(PyObject* module, PyObject* args) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* loader = nullptr;
        PyObject* function = nullptr;
        if (PyArg_ParseTuple(args, "OO:after_exec", &loader, &function) == 0) {
            return nullptr;
        }
        call_after_exec(state_of_module(module).after_exec, loader, function);
        Py_RETURN_NONE;
    });
}

PyTypeObject* add_after_exec_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
