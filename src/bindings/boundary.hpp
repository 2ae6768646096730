#pragma once

// The boundary between C++ and the interpreter: every function that Python calls runs inside `guarded`, which turns
// what was thrown into a Python exception.

#include "../capture/walk.hpp"
#include "../cpython/python.hpp"
#include "../image/error.hpp"
#include "state.hpp"

#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace pycds::bindings {

void set_refusal(ModuleState& state, const image::Error& error) noexcept;
void set_os_error(const std::system_error& error) noexcept;

// `result` is what to return after a failure: nullptr or -1.
template <typename Function, typename Result>
Result guarded(ModuleState& state, Result failure, Function&& function) {
    try {
        return function();
    } catch (const cpython::PythonError&) {
        return failure;  // the exception is set already
    } catch (const image::Error& error) {
        set_refusal(state, error);
    } catch (const capture::Unarchivable& error) {
        PyErr_SetString(state.unarchivable, error.what());
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::system_error& error) {
        set_os_error(error);
    } catch (const std::invalid_argument& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::length_error& error) {
        PyErr_SetString(PyExc_OverflowError, error.what());
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_SystemError, error.what());
    }
    return failure;
}

}  // namespace pycds::bindings
