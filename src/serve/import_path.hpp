#pragma once

// The way of an archived module from the import statement to its body, without a frame of Python.
//
// The interpreter's import statement calls importlib._bootstrap._find_and_load.  ImportPath takes its place.  It does
// the same steps in the same order; where anything is not as it is in the common case (a module that is not archived,
// an import by importlib.import_module, another thread at the same module, a debugger, a replaced function of
// importlib) the function that it replaces does the work, in whole or from the step on that is reached.
//
// So it does in all threads but the first.  A daemon thread that asks for the GIL when the interpreter has ended is
// ended by pthread_exit (Python/ceval_gil.h, take_gil; up to 3.13), which unwinds its stack: destructors of frames in
// here would touch objects without the GIL.

#include "../cpython/observation.hpp"
#include "../cpython/python.hpp"
#include "bootstrap.hpp"
#include "finder.hpp"
#include "module_lock.hpp"
#include "module_template.hpp"

#include <array>
#include <functional>

namespace pycds::serve {

class ImportPath {
  public:
    // What the Python objects are needed for.
    struct Callbacks {
        // A callable that represents a ModuleLock.
        std::function<cpython::Ref(ModuleLock&&)> represent;
        // The ModuleLock that an object represents; null for other objects.
        std::function<ModuleLock*(PyObject*)> represented;
        // Makes a loader answer with the archived code when it is asked.
        std::function<void(PyObject* loader, PyObject* name, const image::EntryRecord&)> serve_through;
        // The body of a served module has been run.  Throws nothing, and leaves no exception.
        std::function<void(PyObject* module, const image::EntryRecord&)> executed;
    };

    // `finder_object` is the finder's place in sys.meta_path; borrowed, and alive as long as this.  Throws PythonError.
    ImportPath(PyObject* finder_object, Finder& finder, Callbacks callbacks);

    // Whether it can do what this interpreter does.
    // `type` and `original_of`: see Bootstrap::is_pristine.
    [[nodiscard]] bool is_usable(PyTypeObject* type, PyObject* (*original_of)(PyObject*) noexcept) const noexcept {
        return bootstrap_.is_pristine(type, original_of) && module_template_.is_faithful() && !is_verbose_ &&
               cpython::is_first_thread();
    }

    // Lets the interpreter call `function`, which calls find_and_load.  Throws PythonError.
    void install(PyObject* function) { bootstrap_.install(function); }

    // The module.  Throws PythonError: what the import raises.
    [[nodiscard]] cpython::Ref find_and_load(PyObject* name, PyObject* import_function);

    // The function that it replaces, with other arguments.  Throws PythonError.
    [[nodiscard]] cpython::Ref call_original(PyObject* const* arguments, Py_ssize_t count, PyObject* names) const {
        return bootstrap_.find_and_load_with(arguments, count, names);
    }

  private:
    class Lock;

    // The package that a module lies in: its name, null for a module that lies in none.
    struct Parent {
        cpython::Ref name;
        cpython::Ref child;
    };
    [[nodiscard]] bool is_common(PyObject* name, const Parent& parent) const;
    [[nodiscard]] bool is_ours(PyObject* name) const;
    [[nodiscard]] cpython::Ref modules() const;
    [[nodiscard]] cpython::Ref module_of(PyObject* name) const;
    [[nodiscard]] bool is_observed() const;
    [[nodiscard]] bool is_untouched(PyObject* name) const;
    [[nodiscard]] bool is_in_meta_path() const noexcept;
    [[nodiscard]] bool is_settled(PyObject* package) const;
    [[nodiscard]] bool ancestors_are_settled(PyObject* parent) const;
    void audit(PyObject* name) const;

    [[nodiscard]] cpython::Ref find_and_load_locked(PyObject* name, const Parent& parent, PyObject* import_function);
    [[nodiscard]] Found find(PyObject* name, PyObject* path);
    [[nodiscard]] cpython::Ref load_below(PyObject* name, const Parent& parent, PyObject* package, Found& found);
    [[nodiscard]] cpython::Ref load(PyObject* name, Found& found);
    [[nodiscard]] cpython::Ref execute(PyObject* name, const Found& found, const cpython::Ref& code);
    [[nodiscard]] bool run_body(PyObject* module, PyObject* code) const;
    void remove_failed(PyObject* spec) const noexcept;
    [[nodiscard]] cpython::Ref move_to_end(PyObject* spec) const;
    [[nodiscard]] bool take_spec_of_present(PyObject* name, Found& found) const;
    void set_on_parent(const Parent& parent, PyObject* module) const;
    void set_lazy_attributes(PyObject* module, PyObject* name) const;

    PyObject* finder_object_;
    Finder& finder_;
    const SysModule& sys_;
    Callbacks callbacks_;
    Bootstrap bootstrap_;
    ModuleTemplate module_template_;
    unsigned long thread_ = PyThread_get_thread_ident();
    bool is_verbose_;        // importlib tells what it does (-v)
    cpython::Ref get_tool_;  // of sys.monitoring; null where there is none
    std::array<cpython::Ref, 6> tool_numbers_;
    struct Names {
        cpython::Ref path, spec, initializing, uninitialized, name, builtins;
    } names_;
};

}  // namespace pycds::serve
