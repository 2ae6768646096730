#pragma once

#include <unistd.h>
#include <unwind.h>

namespace pycds::cpython {

// Has the unwinder that is linked into this module set itself up, which else the first exception does.  What unwinds a
// thread that ends is another one (libgcc_s, loaded by pthread_exit), and asks for the landing pads here: the functions
// they use (_Unwind_SetGR, libgcc/unwind-dw2.c) abort the process where the tables of this copy are still empty.
inline bool prepare_unwinder() noexcept {
    _Unwind_Backtrace([](struct _Unwind_Context*, void*) { return _URC_END_OF_STACK; }, nullptr);
    return true;
}

// Calls what may run Python code in any thread, while frames of C++ are below it on the stack.
//
// A daemon thread that asks for the GIL when the interpreter has ended is ended by pthread_exit (Python/ceval_gil.h,
// take_gil; up to 3.13), which unwinds its stack.  It must not come to the frames below.  So here such a thread sleeps
// until the process ends, as from 3.14 on all of them do (Python/pylifecycle.c, PyThread_hang_thread).
template <typename Function>
auto call_or_hang(Function&& function) {
    [[maybe_unused]] static const bool prepared = prepare_unwinder();
    try {
        return function();
    } catch (...) {  // no exception: the interpreter is written in C
        for (;;) {
            ::pause();
        }
    }
}

}  // namespace pycds::cpython
