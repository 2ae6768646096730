#pragma once

// importlib._bootstrap as ImportPath needs it: the functions that do what it leaves to them, the table of module locks,
// and the points in which versions differ, found out by looking at the functions.

#include "../cpython/python.hpp"

#include <array>

namespace pycds::serve {

class Bootstrap {
  public:
    // Throws PythonError.
    Bootstrap();

    // All functions whose work ImportPath does are the interpreter's own: no program has replaced one.
    [[nodiscard]] bool unchanged() const noexcept;

    // They were so when this object was made, _find_and_load included; or that one was of `type`, of another archive's
    // path.  `original_of` gives what a function stands for that only measures it.
    [[nodiscard]] bool is_pristine(PyTypeObject* type, PyObject* (*original_of)(PyObject*) noexcept) const noexcept;

    // Makes `function` what the import statement calls, in place of _find_and_load.  Throws PythonError.
    void install(PyObject* function);

    // importlib._bootstrap, the functions of these names.  They throw PythonError: what the import raises.
    [[nodiscard]] cpython::Ref find_and_load(PyObject* name, PyObject* import_function) const;
    [[nodiscard]] cpython::Ref find_and_load_with(PyObject* const* arguments, Py_ssize_t count, PyObject* names) const;
    [[nodiscard]] cpython::Ref find_and_load_unlocked(PyObject* name, PyObject* import_function) const;
    [[nodiscard]] cpython::Ref load_unlocked(PyObject* spec) const;
    [[nodiscard]] cpython::Ref get_module_lock(PyObject* name) const;
    [[nodiscard]] cpython::Ref module_from_spec(PyObject* spec) const;

    // {name: what gives the lock of a module when it is called}.  Borrowed.
    [[nodiscard]] PyObject* module_locks() const noexcept { return module_locks_.get(); }
    // What a module's `__builtins__` is.  Borrowed.
    [[nodiscard]] PyObject* builtins() const noexcept { return builtins_.get(); }

    // What the import statement passes on.  importlib.import_module, which passes another function, shows the frames of
    // importlib in tracebacks; the statement takes them out (Python/import.c, remove_importlib_frames).
    [[nodiscard]] bool is_of_statement(PyObject* import_function) const noexcept {
        return import_function == import_function_.get();
    }

    // The import lock, which is held while a finder of the program's is asked.
    [[nodiscard]] PyObject* acquire_lock() const noexcept { return acquire_lock_.get(); }
    [[nodiscard]] PyObject* release_lock() const noexcept { return release_lock_.get(); }

    // _find_and_load itself raises the audit event `import`, and imports the parent before it takes the lock (3.15).
    [[nodiscard]] bool resolves_parents_first() const noexcept { return resolves_parents_first_; }
    // _imp._set_lazy_attributes, called for each module that was loaded (3.15); null where there is none.
    [[nodiscard]] PyObject* set_lazy_attributes() const noexcept { return set_lazy_attributes_.get(); }
    // A spec lists the submodules that are being imported, for the messages of circular imports (3.11 and later).
    [[nodiscard]] bool tracks_submodules() const noexcept { return tracks_submodules_; }
    // A parent that takes no attribute is worth a warning and no error (3.9 and later).
    [[nodiscard]] bool forgives_parents() const noexcept { return forgives_parents_; }

  private:
    struct Function {
        cpython::Ref name;
        cpython::Ref value;
    };
    enum Which {
        which_find_and_load_unlocked,
        which_load_unlocked,
        which_get_module_lock,
        which_module_from_spec,
        which_find_spec,
        which_init_module_attrs,
        which_new_module,
        which_count
    };

    cpython::Ref module_;
    cpython::Ref dictionary_;
    cpython::Ref find_and_load_;
    std::array<Function, which_count> functions_;
    cpython::Ref module_locks_;
    cpython::Ref builtins_;
    cpython::Ref import_function_;
    cpython::Ref acquire_lock_;
    cpython::Ref release_lock_;
    cpython::Ref set_lazy_attributes_;
    bool resolves_parents_first_ = false;
    bool tracks_submodules_ = false;
    bool forgives_parents_ = false;
};

// Holds the import lock, as importlib._bootstrap._ImportLockContext does.
class ImportLock {
  public:
    // Throws PythonError.
    explicit ImportLock(const Bootstrap& bootstrap);
    ImportLock(const ImportLock&) = delete;
    ImportLock& operator=(const ImportLock&) = delete;
    ~ImportLock();

  private:
    const Bootstrap& bootstrap_;
};

}  // namespace pycds::serve
