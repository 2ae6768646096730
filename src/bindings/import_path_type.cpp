// ImportPath: what the import statement calls in place of importlib._bootstrap._find_and_load; and the callables that
// stand in importlib's table of module locks meanwhile.

#include "../serve/import_path.hpp"

#include "boundary.hpp"
#include "finder_type.hpp"
#include "memo_types.hpp"
#include "owner.hpp"
#include "phase_types.hpp"

namespace pycds::bindings {

namespace {

using cpython::Ref;
using LockOwner = Owner<serve::ModuleLock>;

struct Path {
    Ref finder;
    serve::ImportPath path;
};
using PathOwner = Owner<Path>;

// --- locks ---------------------------------------------------------------------------------------

PyObject* lock_of(PyObject* self, PyObject* /*args*/, PyObject* /*kwargs*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr),
                   [&] { return LockOwner::value_of(self).lock().release(); });
}

PyType_Slot lock_slots[] = {
    {Py_tp_doc, const_cast<char*>("Gives the lock of a module that is being imported from an archive.")},
    {Py_tp_dealloc, slot(LockOwner::deallocate)},
    {Py_tp_call, slot(lock_of)},
    {0, nullptr},
};

PyType_Spec lock_spec = {"pycds._core.ModuleLock", sizeof(LockOwner), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, lock_slots};

serve::ImportPath::Callbacks callbacks(PyObject* finder) {
    PyTypeObject* type = state_of_type(Py_TYPE(finder)).module_lock;
    return {
        [type](serve::ModuleLock&& lock) {
            Ref object = Ref::steal(LockOwner::allocate(type, nullptr, nullptr));
            LockOwner::of(object.get()).value = std::make_unique<serve::ModuleLock>(std::move(lock));
            return object;
        },
        [type](PyObject* object) { return Py_TYPE(object) == type ? LockOwner::of(object).value.get() : nullptr; },
        [finder](PyObject* loader, PyObject* name, const image::EntryRecord& entry) {
            serve_code_through(finder, loader, name, entry);
            witness_when_executed(finder, loader, entry);
        },
        [finder](PyObject* module, const image::EntryRecord& entry) {
            try {
                if (finder_of(finder).regexes().is_about(image::Entry(entry).name())) {
                    witness_regex_module(finder, module);
                }
            } catch (const cpython::PythonError&) {  // the import must not fail for it
                PyErr_Clear();
            } catch (const image::Error&) {
            } catch (const std::bad_alloc&) {
            }
            tell_module_executed(PyModule_GetDict(module));
        },
    };
}

// --- the path ------------------------------------------------------------------------------------

int initialise(PyObject* self, PyObject* args, PyObject* kwargs) {
    ModuleState& state = state_of_type(Py_TYPE(self));
    return guarded(state, -1, [&] {
        static const char* keywords[] = {"finder", nullptr};
        PyObject* finder = nullptr;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "O!:ImportPath", const_cast<char**>(keywords), state.finder,
                                        &finder) == 0) {
            return -1;
        }
        if (PathOwner::of(self).value) {
            PyErr_SetString(PyExc_RuntimeError, "an ImportPath is initialised once");
            return -1;
        }
        PathOwner::of(self).value = std::unique_ptr<Path>(
            new Path{Ref::borrow(finder), serve::ImportPath(finder, finder_of(finder), callbacks(finder))});
        return 0;
    });
}

PyObject* find_and_load(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        serve::ImportPath& path = PathOwner::value_of(self).path;
        if (count != 2 || names != nullptr) {
            return path.call_original(arguments, count, names).release();
        }
        return path.find_and_load(arguments[0], arguments[1]).release();
    });
}

PyObject* install(PyObject* self, PyObject* /*unused*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        serve::ImportPath& path = PathOwner::value_of(self).path;
        if (!path.is_usable(Py_TYPE(self), original_of)) {
            Py_RETURN_FALSE;
        }
        const Ref function = Ref::steal(PyObject_GetAttrString(self, "_find_and_load"));
        path.install(function.get());
        Py_RETURN_TRUE;
    });
}

PyMethodDef methods[] = {
    {"_find_and_load", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(find_and_load)),
     METH_FASTCALL | METH_KEYWORDS, PyDoc_STR("_find_and_load(name, import_)\n--\n\nFind and load the module.")},
    {"install", install, METH_NOARGS,
     PyDoc_STR("install()\n--\n\nLet the import statement call this; False where it cannot do what this interpreter "
               "does.")},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("ImportPath(finder)\n--\n\nImports what a finder finds, without frames of Python.")},
    {Py_tp_new, slot(PathOwner::allocate)},
    {Py_tp_init, slot(initialise)},
    {Py_tp_dealloc, slot(PathOwner::deallocate)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.ImportPath", sizeof(PathOwner), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyTypeObject* add_module_lock_type(PyObject* module) { return add_type(module, lock_spec); }

PyTypeObject* add_import_path_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
