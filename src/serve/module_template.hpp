#pragma once

#include "../cpython/python.hpp"
#include "bootstrap.hpp"
#include "import_system.hpp"

namespace pycds::serve {

// Makes the module of a spec as importlib._bootstrap.module_from_spec does, without a frame of Python.
class ModuleTemplate {
  public:
    // Throws PythonError.
    ModuleTemplate(const Bootstrap& bootstrap, const ImportSystem& import_system);

    // What is made here is what the interpreter makes: compared for a module and a package when the object was made.
    [[nodiscard]] bool is_faithful() const noexcept { return is_faithful_; }

    // Throws PythonError.
    [[nodiscard]] cpython::Ref make(PyObject* name, const SpecTemplate::Made& spec) const;

  private:
    [[nodiscard]] bool compare(const Bootstrap& bootstrap, const ImportSystem& import_system, bool is_package) const;

    cpython::Ref loader_;
    cpython::Ref package_;
    cpython::Ref spec_;
    cpython::Ref path_;
    cpython::Ref file_;
    cpython::Ref cached_;
    cpython::Ref cached_of_spec_;
    bool sets_cached_ = false;
    bool is_faithful_ = false;
};

}  // namespace pycds::serve
