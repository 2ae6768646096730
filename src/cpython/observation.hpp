#pragma once

#include "python.hpp"

namespace pycds::cpython {

// Whether a trace or profile function is set in this thread (sys.settrace, sys.setprofile, PyEval_SetProfile).
[[nodiscard]] inline bool thread_is_observed() noexcept {
    const PyThreadState* thread = PyThreadState_Get();
    return thread->c_tracefunc != nullptr || thread->c_profilefunc != nullptr;
}

}  // namespace pycds::cpython
