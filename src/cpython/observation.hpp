#pragma once

#include "python.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace pycds::cpython {

// Whether a trace or profile function is set in this thread (sys.settrace, sys.setprofile, PyEval_SetProfile).
[[nodiscard]] inline bool thread_is_observed() noexcept {
    const PyThreadState* thread = PyThreadState_Get();
    return thread->c_tracefunc != nullptr || thread->c_profilefunc != nullptr;
}

// Whether this is the thread in which the process began; it outlives the interpreter.
[[nodiscard]] inline bool is_first_thread() noexcept { return ::syscall(SYS_gettid) == ::getpid(); }

}  // namespace pycds::cpython
