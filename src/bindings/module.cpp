// pycds._core: the module, its exceptions and its functions.  The types are in files of their own.

#include "../cpython/collector.hpp"
#include "../cpython/identity.hpp"
#include "../image/format.hpp"
#include "boundary.hpp"
#include "call_watch.hpp"
#include "conversions.hpp"
#include "memo_types.hpp"
#include "phase_types.hpp"
#include "script_hook.hpp"
#include "snapshot_functions.hpp"
#include "start.hpp"
#include "state.hpp"

namespace pycds::bindings {

namespace {

PyObject* identity(PyObject* module, PyObject* /*unused*/) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr),
                   [] { return from_identity(cpython::current_identity()).release(); });
}

PyObject* tracked_instances(PyObject* module, PyObject* types) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&] {
        const cpython::Ref items = cpython::Ref::steal(PySequence_Fast(types, "types in a sequence"));
        std::unordered_set<const PyTypeObject*> wanted;
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
            wanted.insert(reinterpret_cast<const PyTypeObject*>(PySequence_Fast_GET_ITEM(items.get(), i)));
        }
        return cpython::tracked_instances(wanted).release();
    });
}

PyMethodDef functions[] = {
    {"tracked_instances", tracked_instances, METH_O,
     PyDoc_STR("tracked_instances(types)\n--\n\nThe objects among gc.get_objects() whose type is one of these.")},
    {"identity", identity, METH_NOARGS,
     PyDoc_STR("identity()\n--\n\nThe identity of this interpreter, as an archive dumped now would record it.")},
    {"after_exec", after_exec, METH_VARARGS,
     PyDoc_STR("after_exec(loader, function)\n--\n\nCall function(module) when the loader has executed its module.")},
    {"regex_key", regex_key, METH_VARARGS,
     PyDoc_STR("regex_key(pattern, flags)\n--\n\nThe name under which an archive keeps a compiled regular expression; "
               "None where it does not.")},
    {"record_regexes", record_regexes, METH_VARARGS,
     PyDoc_STR(
         "record_regexes(module, function)\n--\n\nHave the module's compile() tell function(pattern, flags) what it "
         "has compiled.")},
    {"read_phases", read_phases, METH_VARARGS,
     PyDoc_STR("read_phases(path, start_ns, end_ns)\n--\n\nWhat the PhaseClock of an ended process has left; None "
               "where it never counted.")},
    {"compilation_key", compilation_key, METH_VARARGS,
     PyDoc_STR("compilation_key(mode, flags, optimize, filename, source)\n--\n\nThe name under which an archive keeps "
               "code; None where it does not.")},
    {"serve_compilations", serve_compilations, METH_O,
     PyDoc_STR("serve_compilations(finder)\n--\n\nHave exec, eval and compile ask the finder's archive first; False "
               "where they cannot, or it has nothing.")},
    {"record_compilations", record_compilations, METH_O,
     PyDoc_STR("record_compilations(function)\n--\n\nHave exec, eval and compile tell function(mode, flags, optimize, "
               "filename, source) what they have compiled.")},
    {"serve_script", serve_script, METH_VARARGS,
     PyDoc_STR("serve_script(finder, filename)\n--\n\nHave the interpreter run the archived code of the script that it "
               "was started with; False where the archive does not have it, or it cannot be done.")},
    {"start", start, METH_NOARGS,
     PyDoc_STR("start()\n--\n\nServe the archive that the environment names, if nothing else is asked for that "
               "pycds._startup has to do; False where it has.")},
#ifdef PYCDS_SNAPSHOT
    {"watch_calls", watch_calls, METH_O,
     PyDoc_STR("watch_calls(function)\n--\n\nCall function(name) before calls of C functions that ask for what a "
               "process is; None: no more.")},
    {"watch_files", watch_files, METH_O,
     PyDoc_STR("watch_files(list)\n--\n\nAppend what is opened and listed; None: no more.  False where that cannot be "
               "done.")},
    {"snapshot_prepare", snapshot_prepare, METH_NOARGS,
     PyDoc_STR("snapshot_prepare()\n--\n\nBe the first to register handlers for forks.")},
    {"snapshot_dump", snapshot_dump, METH_VARARGS,
     PyDoc_STR(
         "snapshot_dump(lists, texts, no_terminals, began_ns)\n--\n\nMake a snapshot of this process: None.  In a "
         "process restored from it: its arguments and environment.")},
#endif
    {nullptr, nullptr, 0, nullptr},
};

PyObject* add_exception(PyObject* module, const char* name, const char* qualified, const char* doc) {
    PyObject* exception = PyErr_NewExceptionWithDoc(qualified, doc, nullptr, nullptr);
    if (exception == nullptr || PyModule_AddObjectRef(module, name, exception) < 0) {
        Py_XDECREF(exception);
        return nullptr;
    }
    return exception;
}

int execute(PyObject* module) {
    ModuleState& state = state_of_module(module);
    return guarded(state, -1, [&] {
        state.refusal = add_exception(module, "Refusal", "pycds._core.Refusal",
                                      "An archive cannot be used by this interpreter; see .reason and .message.");
        state.unarchivable = add_exception(module, "Unarchivable", "pycds._core.Unarchivable",
                                           "A module's code holds something that the image cannot represent.");
        if (state.refusal == nullptr || state.unarchivable == nullptr) {
            return -1;
        }
        state.attached = PyList_New(0);
        if (state.attached == nullptr || PyModule_AddObjectRef(module, "attached", state.attached) < 0) {
            return -1;
        }
        state.plan = add_plan_type(module);
        state.image = add_image_type(module);
        state.finder = add_finder_type(module);
        state.served_code = add_served_code_type(module);
        state.after_exec = add_after_exec_type(module);
        state.regex_compiler = add_regex_compiler_type(module);
        state.compile_hook_type = add_compile_hook_type(module);
        state.module_lock = add_module_lock_type(module);
        state.import_path = add_import_path_type(module);
        state.phase_call = add_phase_call_type(module);
        state.phase_clock_type = add_phase_clock_type(module);
        return PyModule_AddIntConstant(module, "FORMAT_VERSION", image::format_version);
    });
}

// A module has its state from its execution on. 3.8 calls these before that as well: where a collection falls into the
// making of the module, or where it is never executed; later versions do not.
bool has_state(PyObject* module) noexcept { return PyModule_GetState(module) != nullptr; }

int traverse(PyObject* module, visitproc visit, void* arg) {
    if (!has_state(module)) {
        return 0;
    }
    const ModuleState& state = state_of_module(module);
    Py_VISIT(state.refusal);
    Py_VISIT(state.unarchivable);
    Py_VISIT(state.attached);
    Py_VISIT(state.plan);
    Py_VISIT(state.image);
    Py_VISIT(state.finder);
    Py_VISIT(state.served_code);
    Py_VISIT(state.after_exec);
    Py_VISIT(state.regex_compiler);
    Py_VISIT(state.compile_hook_type);
    Py_VISIT(state.compile_hook);
    Py_VISIT(state.script_finder);
    Py_VISIT(state.module_lock);
    Py_VISIT(state.import_path);
    Py_VISIT(state.phase_call);
    Py_VISIT(state.phase_clock_type);
    Py_VISIT(state.phase_clock);
    return 0;
}

int clear(PyObject* module) {
    if (!has_state(module)) {
        return 0;
    }
    ModuleState& state = state_of_module(module);
    Py_CLEAR(state.refusal);
    Py_CLEAR(state.unarchivable);
    Py_CLEAR(state.attached);
    Py_CLEAR(state.plan);
    Py_CLEAR(state.image);
    Py_CLEAR(state.finder);
    Py_CLEAR(state.served_code);
    Py_CLEAR(state.after_exec);
    Py_CLEAR(state.regex_compiler);
    Py_CLEAR(state.compile_hook);
    Py_CLEAR(state.compile_hook_type);
    forget_script(state);
    Py_CLEAR(state.module_lock);
    Py_CLEAR(state.import_path);
    Py_CLEAR(state.phase_call);
    Py_CLEAR(state.phase_clock);
    Py_CLEAR(state.phase_clock_type);
    return 0;
}

PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(execute)},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "_core",
    PyDoc_STR("The core of PyCDS: archives of code objects, written and served."),
    sizeof(ModuleState),
    functions,
    slots,
    traverse,
    clear,
    [](void* module) { clear(static_cast<PyObject*>(module)); },
};

}  // namespace

}  // namespace pycds::bindings

// PyMODINIT_FUNC, which does not say in all versions that the symbol is to be seen.
extern "C" [[gnu::visibility("default")]] PyObject* PyInit__core() {
    return PyModuleDef_Init(&pycds::bindings::definition);
}
