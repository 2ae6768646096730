// Who calls certain functions written in C: what they answer may not hold any more where a snapshot is restored.  The
// interpreter tells a profile function of each call; this one looks at names alone, and calls Python for few.

#include "call_watch.hpp"

#include "../cpython/audit_hook.hpp"
#include "boundary.hpp"

#include <cstring>
#include <string_view>

namespace pycds::bindings {

namespace {

constexpr std::string_view names[] = {"getcwd", "getcwdb", "isatty", "get_terminal_size", "getpid", "getppid",
                                      "gethostname", "uname", "urandom", "getrandom", "seed", "random", "getrandbits",
                                      "getstate", "getpgrp", "getpgid", "getsid", "getloadavg", "times", "getrusage",
                                      // the time
                                      "time", "time_ns", "clock_gettime", "clock_gettime_ns", "monotonic",
                                      "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
                                      "process_time_ns", "thread_time", "thread_time_ns", "localtime", "gmtime",
                                      "ctime", "asctime", "strftime", "now", "utcnow", "today"};

bool is_watched(std::string_view name) noexcept {
    for (const std::string_view watched : names) {
        if (name == watched) {
            return true;
        }
    }
    return false;
}

// `function`: called with the name, and the object whose method it is.
int on_event(PyObject* function, struct _frame* /*frame*/, int what, PyObject* called) {
    if (what != PyTrace_C_CALL || !PyCFunction_Check(called)) {
        return 0;
    }
    const auto* callee = reinterpret_cast<const PyCFunctionObject*>(called);
    const PyMethodDef* method = callee->m_ml;
    if (!is_watched(method->ml_name)) {
        return 0;
    }
    PyObject* owner = callee->m_self != nullptr ? callee->m_self : Py_None;
    PyObject* result = PyObject_CallFunction(function, "sO", method->ml_name, owner);
    Py_XDECREF(result);
    return result != nullptr ? 0 : -1;
}

cpython::AuditHook hook;
PyObject* told = nullptr;  // while files are watched: called with each event and its arguments

int on_audit(const char* event, PyObject* arguments, void* /*nothing*/) {
    const std::string_view name = event;
    if (told == nullptr) {
        return 0;
    }
    for (const std::string_view watched :
         {"open", "os.listdir", "os.scandir", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname",
          "subprocess.Popen", "os.system", "os.posix_spawn", "os.fork"}) {
        if (name == watched) {
            PyObject* result = PyObject_CallFunction(told, "sO", event, arguments);
            Py_XDECREF(result);
            return result != nullptr ? 0 : -1;
        }
    }
    return 0;
}

}  // namespace

PyObject* watch_files(PyObject* /*module*/, PyObject* function) {
    if (told != nullptr) {
        Py_CLEAR(told);
        hook.remove();
        return Py_NewRef(Py_True);
    }
    if (function == Py_None || !hook.install(on_audit)) {
        return Py_NewRef(Py_False);
    }
    told = Py_NewRef(function);
    return Py_NewRef(Py_True);
}

PyObject* watch_calls(PyObject* /*module*/, PyObject* function) {
    PyEval_SetProfile(function == Py_None ? nullptr : on_event, function == Py_None ? nullptr : function);
    return PyErr_Occurred() != nullptr ? nullptr : Py_NewRef(Py_None);
}

}  // namespace pycds::bindings
