#pragma once

#include "python.hpp"

namespace pycds::cpython {

// Puts the exception that is set aside while something runs that must not see it, and back at its end.
class ErrorState {
  public:
    ErrorState() noexcept { PyErr_Fetch(&type_, &value_, &traceback_); }
    ErrorState(const ErrorState&) = delete;
    ErrorState& operator=(const ErrorState&) = delete;
    ~ErrorState() { PyErr_Restore(type_, value_, traceback_); }

  private:
    PyObject* type_ = nullptr;
    PyObject* value_ = nullptr;
    PyObject* traceback_ = nullptr;
};

}  // namespace pycds::cpython
