// The main script: `python app.py` compiles app.py anew at each start.  No finder or loader is asked for it; what the
// interpreter does before is to raise an audit event (Modules/main.c, pymain_run_file), and there the archived code is
// run in its place.  The hook is gone by then.

#include "script_hook.hpp"

#include "../cpython/audit_hook.hpp"
#include "../cpython/main_program.hpp"
#include "boundary.hpp"
#include "finder_type.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <new>
#include <string_view>
#include <utility>

namespace pycds::bindings {

namespace {

using cpython::Ref;

// Of the main interpreter; null before a script is waited for, and after.
ModuleState* waiting = nullptr;
cpython::AuditHook hook;

bool can_be_opened(const image::EntryRecord& record) {
    const std::string path(image::Entry(record).stamp_path());
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    return descriptor >= 0 && ::close(descriptor) == 0;
}

// Its code, or null where the interpreter shall compile it.
Ref code_of_script(PyObject* finder_object, PyObject* filename) {
    serve::Finder& finder = finder_of(finder_object);
    const image::EntryRecord* record = finder.script(filename);
    if (record == nullptr || !can_be_opened(*record)) {
        return {};
    }
    return finder.code_for(*record, serve::Between::anything);
}

// The interpreter is about to run this file: the result of the hook.  It comes back with SystemExit where the script
// has been run, so that the interpreter ends with its status instead of running the file.
int run(const Ref& finder, PyObject* filename) noexcept {
    Ref code;
    try {
        code = code_of_script(finder.get(), filename);
    } catch (const std::bad_alloc&) {  // the interpreter compiles it
    }
    if (!code) {
        return 0;
    }
    // The event again, for the hooks that come behind this one, since they will not hear of it as this one fails.
    if (PySys_Audit("cpython.run_file", "O", filename) < 0) {
        return -1;
    }
    if (PySys_Audit("open", "Osi", filename, "rb", 0) < 0) {
        PyErr_Clear();
        return 0;  // the interpreter will not be allowed to open it either, and says so
    }
    if (Py_MakePendingCalls() < 0) {
        return -1;
    }
    const cpython::Outcome outcome = cpython::run_main_program(code.get(), filename);
    if (outcome == cpython::Outcome::not_run) {
        return 0;
    }
    if (const Ref status = Ref::steal_or_null(PyLong_FromLong(static_cast<long>(outcome)))) {
        PyErr_SetObject(PyExc_SystemExit, status.get());
    }
    return -1;
}

// Any thread and any interpreter may raise events.
int audited(const char* event, PyObject* arguments, void* /*nothing*/) noexcept {
    constexpr std::string_view prefix = "cpython.run_";
    if (waiting == nullptr || !std::string_view(event).starts_with(prefix) || PyEval_GetFrame() != nullptr ||
        PyInterpreterState_Get() != PyInterpreterState_Main()) {
        return 0;
    }
    ModuleState& state = *std::exchange(waiting, nullptr);
    const Ref finder = Ref::steal_or_null(std::exchange(state.script_finder, nullptr));
    hook.remove();
    const bool is_file = std::string_view(event) == "cpython.run_file" && arguments != nullptr &&
                         PyTuple_Check(arguments) && PyTuple_GET_SIZE(arguments) == 1;
    return is_file ? run(finder, PyTuple_GET_ITEM(arguments, 0)) : 0;
}

}  // namespace

void forget_script(ModuleState& state) noexcept {
    if (waiting == &state) {
        waiting = nullptr;
        hook.remove();
    }
    Py_CLEAR(state.script_finder);
}

PyObject* serve_script(PyObject* module, PyObject* args) {
    ModuleState& state = state_of_module(module);
    return guarded(state, static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* finder = nullptr;
        PyObject* filename = nullptr;
        if (PyArg_ParseTuple(args, "O!U:serve_script", state.finder, &finder, &filename) == 0) {
            return nullptr;
        }
        static bool is_used = false;
        if (is_used || PyInterpreterState_Get() != PyInterpreterState_Main() ||
            finder_of(finder).script(filename) == nullptr) {
            Py_RETURN_FALSE;
        }
        is_used = true;
        if (!hook.install(audited)) {
            Py_RETURN_FALSE;
        }
        state.script_finder = Py_NewRef(finder);
        waiting = &state;
        Py_RETURN_TRUE;
    });
}

}  // namespace pycds::bindings
