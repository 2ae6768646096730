#include "bootstrap.hpp"

#include "../cpython/error_state.hpp"
#include "../cpython/thread_end.hpp"
#include "attributes.hpp"

namespace pycds::serve {

namespace {

using cpython::check;
using cpython::Ref;

// Null where there is none.
Ref optional_attribute(PyObject* object, const char* name) {
    return PyObject_HasAttrString(object, name) != 0 ? attribute(object, name) : Ref();
}

}  // namespace

Bootstrap::Bootstrap() : module_(Ref::steal(PyImport_ImportModule("_frozen_importlib"))) {
    static constexpr std::array<const char*, which_count> function_names = {
        "_find_and_load_unlocked", "_load_unlocked", "_get_module_lock", "module_from_spec", "_find_spec",
        "_init_module_attrs",      "_new_module"};
    dictionary_ = Ref::borrow(PyModule_GetDict(module_.get()));
    find_and_load_ = attribute(module_.get(), "_find_and_load");
    for (std::size_t i = 0; i < which_count; ++i) {
        functions_[i] = {interned(function_names[i]), attribute(module_.get(), function_names[i])};
    }
    module_locks_ = attribute(module_.get(), "_module_locks");
    builtins_ = Ref::borrow(PyModule_GetDict(Ref::steal(PyImport_ImportModule("builtins")).get()));
    import_function_ = Ref::borrow(PyDict_GetItemString(builtins_.get(), "__import__"));
    const Ref imp = attribute(module_.get(), "_imp");
    acquire_lock_ = attribute(imp.get(), "acquire_lock");
    release_lock_ = attribute(imp.get(), "release_lock");
    set_lazy_attributes_ = optional_attribute(imp.get(), "_set_lazy_attributes");
    resolves_parents_first_ = static_cast<bool>(optional_attribute(module_.get(), "_resolve_parents"));
    PyObject* unlocked = functions_[which_find_and_load_unlocked].value.get();
    tracks_submodules_ = names_in_code(unlocked, "_uninitialized_submodules");
    forgives_parents_ = names_in_code(unlocked, "_warnings");
}

bool Bootstrap::unchanged() const noexcept {
    for (const Function& function : functions_) {
        if (PyDict_GetItem(dictionary_.get(), function.name.get()) != function.value.get()) {
            return false;
        }
    }
    return true;
}

bool Bootstrap::is_pristine(PyTypeObject* type, PyObject* (*original_of)(PyObject*) noexcept) const noexcept {
    const auto is_own = [&](PyObject* found) {
        PyObject* function = original_of(found);
        return PyFunction_Check(function) && PyFunction_GET_GLOBALS(function) == dictionary_.get();
    };
    for (const Function& function : functions_) {
        if (!is_own(function.value.get())) {
            return false;
        }
    }
    PyObject* replaced = find_and_load_.get();
    return is_own(replaced) || (PyCFunction_Check(replaced) && PyCFunction_GET_SELF(replaced) != nullptr &&
                                Py_TYPE(PyCFunction_GET_SELF(replaced)) == type);
}

void Bootstrap::install(PyObject* function) {
    check(PyObject_SetAttrString(module_.get(), "_find_and_load", function));
}

Ref Bootstrap::find_and_load(PyObject* name, PyObject* import_function) const {
    PyObject* arguments[] = {name, import_function};
    return find_and_load_with(arguments, 2, nullptr);
}

Ref Bootstrap::find_and_load_with(PyObject* const* arguments, Py_ssize_t count, PyObject* names) const {
    const auto number = static_cast<std::size_t>(count);
    return Ref::steal(
        cpython::call_or_hang([&] { return PyObject_Vectorcall(find_and_load_.get(), arguments, number, names); }));
}

Ref Bootstrap::find_and_load_unlocked(PyObject* name, PyObject* import_function) const {
    PyObject* arguments[] = {name, import_function};
    PyObject* function = functions_[which_find_and_load_unlocked].value.get();
    return Ref::steal(PyObject_Vectorcall(function, arguments, 2, nullptr));
}

Ref Bootstrap::load_unlocked(PyObject* spec) const {
    return Ref::steal(PyObject_CallOneArg(functions_[which_load_unlocked].value.get(), spec));
}

Ref Bootstrap::get_module_lock(PyObject* name) const {
    return Ref::steal(PyObject_CallOneArg(functions_[which_get_module_lock].value.get(), name));
}

Ref Bootstrap::module_from_spec(PyObject* spec) const {
    return Ref::steal(PyObject_CallOneArg(functions_[which_module_from_spec].value.get(), spec));
}

ImportLock::ImportLock(const Bootstrap& bootstrap) : bootstrap_(bootstrap) {
    (void)Ref::steal(PyObject_CallNoArgs(bootstrap_.acquire_lock()));
}

ImportLock::~ImportLock() {
    const cpython::ErrorState kept;
    const Ref done = Ref::steal_or_null(PyObject_CallNoArgs(bootstrap_.release_lock()));
    if (!done) {
        PyErr_WriteUnraisable(bootstrap_.release_lock());
    }
}

}  // namespace pycds::serve
