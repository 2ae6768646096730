#include "import_path.hpp"

#include "../cpython/error_state.hpp"
#include "../observe/phase_clock.hpp"
#include "attributes.hpp"

namespace pycds::serve {

namespace {

using cpython::check;
using cpython::Ref;
using observe::Phase;
using observe::PhaseScope;

// Null where the object has none of that name.
Ref attribute_or_null(PyObject* object, PyObject* name) {
    Ref value = Ref::steal_or_null(PyObject_GetAttr(object, name));
    if (!value) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) {
            throw cpython::PythonError();
        }
        PyErr_Clear();
    }
    return value;
}

bool is_true(PyObject* object) {
    const int truth = PyObject_IsTrue(object);
    check(truth);
    return truth != 0;
}

// For an entry of importlib._bootstrap._module_locks: a weak reference to a _ModuleLock, which its owner acquires again
// without waiting.  One of ours becomes such a lock in a circular import.
bool is_held_by_this_thread(PyObject* entry) {
    if (!PyWeakref_CheckRefExact(entry)) {
        return false;
    }
    const Ref lock = Ref::steal(PyObject_CallNoArgs(entry));
    const Ref owner = lock.get() == Py_None ? Ref() : Ref::steal(PyObject_GetAttrString(lock.get(), "owner"));
    if (!owner || !PyLong_CheckExact(owner.get())) {
        return false;
    }
    const unsigned long thread = PyLong_AsUnsignedLong(owner.get());
    if (thread == static_cast<unsigned long>(-1) && PyErr_Occurred() != nullptr) {
        throw cpython::PythonError();
    }
    return thread == PyThread_get_thread_ident();
}

[[noreturn]] void raise_not_found(PyObject* name) {
    // Not PyErr_SetImportErrorSubclass, which gives it a path as well, if only None.
    const Ref arguments = Ref::steal(Py_BuildValue("(N)", PyUnicode_FromFormat("No module named %R", name)));
    const Ref keywords = Ref::steal(Py_BuildValue("{s:O}", "name", name));
    const Ref error = Ref::steal(PyObject_Call(PyExc_ModuleNotFoundError, arguments.get(), keywords.get()));
    PyErr_SetObject(PyExc_ModuleNotFoundError, error.get());
    throw cpython::PythonError();
}

}  // namespace

// The lock of a module, for as long as it lives.
class ImportPath::Lock {
  public:
    Lock(ImportPath& path, PyObject* name) : callable_(path.callbacks_.represent(ModuleLock(path.bootstrap_, name))) {
        lock_ = path.callbacks_.represented(callable_.get());
        lock_->take(callable_.get());
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() { lock_->release(callable_.get()); }

  private:
    Ref callable_;
    ModuleLock* lock_;
};

ImportPath::ImportPath(PyObject* finder_object, Finder& finder, Callbacks callbacks)
    : finder_object_(finder_object), finder_(finder), sys_(finder.import_system().sys()),
      callbacks_(std::move(callbacks)), module_template_(bootstrap_, finder.import_system()),
      is_verbose_(finder.import_system().is_verbose()),
      names_{interned("__path__"),      interned("__spec__"),
             interned("_initializing"), interned("_uninitialized_submodules"),
             interned("name"),          interned("__builtins__")} {
    PyObject* monitoring = PySys_GetObject("monitoring");
    if (monitoring != nullptr) {
        get_tool_ = Ref::steal(PyObject_GetAttrString(monitoring, "get_tool"));
        for (std::size_t i = 0; i < tool_numbers_.size(); ++i) {
            tool_numbers_[i] = Ref::steal(PyLong_FromSize_t(i));
        }
    }
}

// sys.modules, whatever it is.
Ref ImportPath::modules() const {
    PyObject* found = sys_.modules();
    if (found == nullptr) {
        PyErr_SetString(PyExc_AttributeError, "module 'sys' has no attribute 'modules'");
        throw cpython::PythonError();
    }
    return Ref::borrow(found);
}

// Null where there is no such module, or no ordinary dictionary.
Ref ImportPath::module_of(PyObject* name) const {
    PyObject* all = sys_.modules();
    const bool is_dictionary = all != nullptr && PyDict_CheckExact(all);
    PyObject* found = is_dictionary ? PyDict_GetItemWithError(all, name) : nullptr;
    if (found == nullptr && PyErr_Occurred() != nullptr) {
        throw cpython::PythonError();
    }
    return Ref::borrow(found);
}

// A debugger, profiler or coverage tool is to see the frames that it is used to.
bool ImportPath::is_observed() const {
    if (cpython::thread_is_observed()) {
        return true;
    }
    for (const Ref& number : tool_numbers_) {
        if (get_tool_ && Ref::steal(PyObject_CallOneArg(get_tool_.get(), number.get())).get() != Py_None) {
            return true;
        }
    }
    return false;
}

bool ImportPath::is_in_meta_path() const noexcept {
    PyObject* meta_path = sys_.meta_path();
    if (meta_path == nullptr || !PyList_CheckExact(meta_path)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(meta_path); ++i) {
        if (PyList_GET_ITEM(meta_path, i) == finder_object_) {
            return true;
        }
    }
    return false;
}

// Whether the import of a package is over, or this thread is at it in here: nobody has to be waited for.
bool ImportPath::is_settled(PyObject* package) const {
    const Ref module = module_of(package);
    const Ref spec = module ? attribute_or_null(module.get(), names_.spec.get()) : Ref();
    const Ref initializing = spec ? attribute_or_null(spec.get(), names_.initializing.get()) : Ref();
    if (!initializing || !is_true(initializing.get())) {
        return true;
    }
    PyObject* entry = PyDict_GetItemWithError(bootstrap_.module_locks(), package);
    const ModuleLock* lock = entry == nullptr ? nullptr : callbacks_.represented(entry);
    return lock != nullptr ? lock->is_of_this_thread() : entry != nullptr && is_held_by_this_thread(entry);
}

bool ImportPath::ancestors_are_settled(PyObject* parent) const {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(parent);
    for (Py_ssize_t dot = 0; (dot = PyUnicode_FindChar(parent, '.', dot, length, 1)) >= 0; ++dot) {
        if (!is_settled(Ref::steal(PyUnicode_Substring(parent, 0, dot)).get())) {
            return false;
        }
    }
    return true;
}

// It is not there, and nobody is at it.
bool ImportPath::is_untouched(PyObject* name) const {
    return !module_of(name) && PyDict_GetItemWithError(bootstrap_.module_locks(), name) == nullptr;
}

// The archive may serve it, and nothing of the program's has to be called or shown on the way.
bool ImportPath::is_ours(PyObject* name) const {
    PyObject* all = sys_.modules();
    return all != nullptr && PyDict_CheckExact(all) && finder_.may_serve(name) && is_in_meta_path() &&
           bootstrap_.unchanged() && !is_observed();
}

// Whether the module is one to be imported in here.  Nothing of the program's is called.
bool ImportPath::is_common(PyObject* name, const Parent& parent) const {
    if (!is_ours(name) || !is_untouched(name)) {
        return false;
    }
    if (!parent.name) {
        return true;
    }
    if (!module_of(parent.name.get())) {
        return !bootstrap_.resolves_parents_first();
    }
    return is_settled(parent.name.get()) &&
           (!bootstrap_.resolves_parents_first() || ancestors_are_settled(parent.name.get()));
}

void ImportPath::audit(PyObject* name) const {
    const auto or_none = [](PyObject* found) { return found == nullptr ? Py_None : found; };
    check(PySys_Audit("import", "OOOOO", name, Py_None, or_none(sys_.path()), or_none(sys_.meta_path()),
                      or_none(sys_.path_hooks())));
}

Ref ImportPath::find_and_load(PyObject* name, PyObject* import_function) {
    const PhaseScope scope(Phase::import);
    if (!PyUnicode_CheckExact(name) || !bootstrap_.is_of_statement(import_function) ||
        PyThread_get_thread_ident() != thread_) {
        return bootstrap_.find_and_load(name, import_function);
    }
    Parent parent;
    const Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    const Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, length, -1);
    if (dot > 0) {
        parent.name = Ref::steal(PyUnicode_Substring(name, 0, dot));
        parent.child = Ref::steal(PyUnicode_Substring(name, dot + 1, length));
    }
    if (dot == 0 || !is_common(name, parent)) {
        return bootstrap_.find_and_load(name, import_function);
    }
    if (bootstrap_.resolves_parents_first()) {
        audit(name);
        if (!is_untouched(name)) {  // but by a hook of the program's
            return bootstrap_.find_and_load(name, import_function);
        }
    }
    const Lock lock(*this, name);
    return find_and_load_locked(name, parent, import_function);
}

// importlib._bootstrap, _find_and_load_unlocked, which goes on where something is not as it was.
Ref ImportPath::find_and_load_locked(PyObject* name, const Parent& parent, PyObject* import_function) {
    Ref package;
    Ref path = Ref::borrow(Py_None);
    if (parent.name) {
        package = module_of(parent.name.get());
        bool is_as_before = true;
        if (!package) {
            (void)Ref::steal(PyObject_CallOneArg(import_function, parent.name.get()));
            package = module_of(parent.name.get());
            is_as_before = is_ours(name);  // the package may have changed anything
        }
        path = package ? attribute_or_null(package.get(), names_.path.get()) : Ref();
        if (!is_as_before || !path || module_of(name)) {
            return bootstrap_.find_and_load_unlocked(name, import_function);
        }
    }
    Found found = find(name, path.get());
    if (found.spec && take_spec_of_present(name, found)) {
        found.made.reset();
        found.entry = nullptr;
    }
    if (found.is_nowhere) {
        raise_not_found(name);
    }
    if (!found.spec) {  // the archive has nothing to say of it, by now
        return bootstrap_.find_and_load_unlocked(name, import_function);
    }
    Ref module = parent.name ? load_below(name, parent, package.get(), found) : load(name, found);
    if (parent.name) {
        set_on_parent(parent, module.get());
    }
    set_lazy_attributes(module.get(), name);
    return module;
}

Found ImportPath::find(PyObject* name, PyObject* path) {
    const PhaseScope scope(Phase::find);
    return finder_.find_among_all(finder_object_, name, path, bootstrap_);
}

// While it was looked for, something has imported the module: its spec counts, if it has one.
bool ImportPath::take_spec_of_present(PyObject* name, Found& found) const {
    const Ref present = module_of(name);
    if (!present) {
        return false;
    }
    const Ref spec = attribute_or_null(present.get(), names_.spec.get());
    if (spec && spec.get() != Py_None) {
        found.spec = spec;
    }
    return true;
}

// With the module among those that its package is importing.
Ref ImportPath::load_below(PyObject* name, const Parent& parent, PyObject* package, Found& found) {
    Ref submodules;
    if (bootstrap_.tracks_submodules()) {
        const Ref spec = Ref::steal(PyObject_GetAttr(package, names_.spec.get()));
        if (is_true(spec.get())) {
            submodules = Ref::steal(PyObject_GetAttr(spec.get(), names_.uninitialized.get()));
            if (!PyList_CheckExact(submodules.get())) {
                PyErr_Format(PyExc_AttributeError, "_uninitialized_submodules of %R is no list", spec.get());
                throw cpython::PythonError();
            }
            check(PyList_Append(submodules.get(), parent.child.get()));
        }
    }
    struct Entered {
        PyObject* list;
        ~Entered() {
            if (list != nullptr && PyList_GET_SIZE(list) != 0) {
                const cpython::ErrorState kept;
                const Py_ssize_t last = PyList_GET_SIZE(list) - 1;
                if (PyList_SetSlice(list, last, last + 1, nullptr) < 0) {
                    PyErr_WriteUnraisable(list);
                }
            }
        }
    } const entered{submodules.get()};
    return load(name, found);
}

// importlib._bootstrap, _load_unlocked.
Ref ImportPath::load(PyObject* name, Found& found) {
    if (found.made) {
        if (const Ref code = finder_.code_for(*found.entry, Between::nothing)) {
            finder_.count_direct();
            return execute(name, found, code);
        }
    } else if (found.entry != nullptr) {
        callbacks_.serve_through(found.loader.get(), name, *found.entry);
    }
    return bootstrap_.load_unlocked(found.spec.get());
}

Ref ImportPath::execute(PyObject* name, const Found& found, const Ref& code) {
    Ref module = module_template_.make(name, *found.made);
    PyObject* spec = found.spec.get();
    // Before the module is in sys.modules: who finds it there waits for it, if this is set.
    check(PyObject_SetAttr(spec, names_.initializing.get(), Py_True));
    struct Initializing {
        PyObject* spec;
        PyObject* attribute;
        ~Initializing() {
            const cpython::ErrorState kept;
            if (PyObject_SetAttr(spec, attribute, Py_False) < 0) {
                PyErr_WriteUnraisable(spec);
            }
        }
    } const initializing{spec, names_.initializing.get()};
    check(PyObject_SetItem(modules().get(), name, module.get()));
    if (!run_body(module.get(), code.get())) {
        remove_failed(spec);
        throw cpython::PythonError();
    }
    callbacks_.executed(module.get(), *found.entry);
    return move_to_end(spec);
}

// The built-in function exec(code, module.__dict__); false where the body raises.
bool ImportPath::run_body(PyObject* module, PyObject* code) const {
    const PhaseScope scope(Phase::exec);
    PyObject* globals = PyModule_GetDict(module);
    check(PyDict_SetItem(globals, names_.builtins.get(), bootstrap_.builtins()));
    return PySys_Audit("exec", "O", code) >= 0 &&
           static_cast<bool>(Ref::steal_or_null(PyEval_EvalCode(code, globals, globals)));
}

void ImportPath::remove_failed(PyObject* spec) const noexcept {
    const cpython::ErrorState kept;
    PyObject* all = sys_.modules();
    const Ref name = Ref::steal_or_null(PyObject_GetAttr(spec, names_.name.get()));
    if (all == nullptr || !name || PyObject_DelItem(all, name.get()) < 0) {
        PyErr_Clear();  // it has removed itself
    }
}

// To the end of sys.modules goes whatever the body has left there.
Ref ImportPath::move_to_end(PyObject* spec) const {
    const Ref all = modules();
    const Ref name = Ref::steal(PyObject_GetAttr(spec, names_.name.get()));
    Ref module = Ref::steal(PyObject_GetItem(all.get(), name.get()));
    check(PyObject_DelItem(all.get(), name.get()));
    check(PyObject_SetItem(all.get(), name.get(), module.get()));
    return module;
}

void ImportPath::set_on_parent(const Parent& parent, PyObject* module) const {
    const Ref package = Ref::steal(PyObject_GetItem(modules().get(), parent.name.get()));
    if (PyObject_SetAttr(package.get(), parent.child.get(), module) == 0) {
        return;
    }
    if (!bootstrap_.forgives_parents() || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) {
        throw cpython::PythonError();
    }
    PyErr_Clear();
    check(PyErr_WarnFormat(PyExc_ImportWarning, 1, "Cannot set an attribute on %R for child module %R",
                           parent.name.get(), parent.child.get()));
}

void ImportPath::set_lazy_attributes(PyObject* module, PyObject* name) const {
    if (bootstrap_.set_lazy_attributes() == nullptr) {
        return;
    }
    const Ref done =
        Ref::steal_or_null(PyObject_CallFunctionObjArgs(bootstrap_.set_lazy_attributes(), module, name, nullptr));
    if (done) {
        return;
    }
    if (PyErr_ExceptionMatches(PyExc_Exception) == 0) {
        throw cpython::PythonError();
    }
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    const Ref keep_type = Ref::steal_or_null(type);
    const Ref error = Ref::steal_or_null(value);
    const Ref keep_traceback = Ref::steal_or_null(traceback);
    check(PyErr_WarnFormat(PyExc_ImportWarning, 1, "Cannot set lazy attributes on %R: %R", name, error.get()));
}

}  // namespace pycds::serve
