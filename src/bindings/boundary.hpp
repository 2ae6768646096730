#pragma once

// The boundary between C++ and the interpreter: every function that Python calls runs inside `guarded`, which turns
// what was thrown into a Python exception.

#include "../cpython/python.hpp"
#include "state.hpp"

#include <exception>

namespace pycds::bindings {

// Sets the Python exception for the C++ one that is being handled.
void set_exception(ModuleState& state) noexcept;

// `failure` is what to return after one: nullptr or -1.  Not `catch (...)`: pthread_exit unwinds by what that catches.
template <typename Function, typename Result>
Result guarded(ModuleState& state, Result failure, Function&& function) {
    try {
        return function();
    } catch (const cpython::PythonError&) {
        return failure;  // the exception is set already
    } catch (const std::exception&) {
        set_exception(state);
        return failure;
    }
}

}  // namespace pycds::bindings
