#pragma once

#include <unistd.h>

namespace pycds::cpython {

// Calls what may run Python code in any thread, while frames of C++ are below it on the stack.
//
// A daemon thread that asks for the GIL when the interpreter has ended is ended by pthread_exit (Python/ceval_gil.h,
// take_gil; up to 3.13), which unwinds its stack.  It must not come to the frames below.  So here such a thread sleeps
// until the process ends, as from 3.14 on all of them do (Python/pylifecycle.c, PyThread_hang_thread).
template <typename Function>
auto call_or_hang(Function&& function) {
    try {
        return function();
    } catch (...) {  // no exception: the interpreter is written in C
        for (;;) {
            ::pause();
        }
    }
}

}  // namespace pycds::cpython
