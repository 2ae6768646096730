#pragma once

#include "../cpython/python.hpp"

namespace pycds::bindings {

// One per interpreter: nothing in this extension is shared between interpreters.
struct ModuleState {
    PyObject* refusal = nullptr;
    PyObject* unarchivable = nullptr;
    PyObject* attached = nullptr;  // a list of the finders that start() has attached
    PyTypeObject* plan = nullptr;
    PyTypeObject* image = nullptr;
    PyTypeObject* finder = nullptr;
    PyTypeObject* served_code = nullptr;
    PyTypeObject* after_exec = nullptr;
    PyTypeObject* regex_compiler = nullptr;
    PyTypeObject* compile_hook_type = nullptr;
    PyObject* compile_hook = nullptr;   // none until there is something to ask
    PyObject* script_finder = nullptr;  // while the main script is waited for
    PyTypeObject* module_lock = nullptr;
    PyTypeObject* import_path = nullptr;
    PyTypeObject* phase_call = nullptr;
    PyTypeObject* phase_clock_type = nullptr;
    PyObject* phase_clock = nullptr;  // none where nothing is observed
};

[[nodiscard]] inline ModuleState& state_of_module(PyObject* module) noexcept {
    return *static_cast<ModuleState*>(PyModule_GetState(module));
}

// Of a type of this module; none of them can be subclassed.
[[nodiscard]] inline ModuleState& state_of_type(PyTypeObject* type) noexcept {
    return *static_cast<ModuleState*>(PyType_GetModuleState(type));
}

// Creates the type, adds it to the module under its name and returns it with a reference of its own.
[[nodiscard]] PyTypeObject* add_plan_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_image_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_finder_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_served_code_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_after_exec_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_regex_compiler_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_compile_hook_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_module_lock_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_import_path_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_phase_call_type(PyObject* module);
[[nodiscard]] PyTypeObject* add_phase_clock_type(PyObject* module);

}  // namespace pycds::bindings
