#pragma once

// What a module was made of at one moment, so that it can be told later whether a program has changed anything of it:
// a name, a function's code or defaults, a class, or what is in a dict, list or set of the module's own.

#include "python.hpp"

#include <utility>
#include <vector>

namespace pycds::cpython {

class Witness {
  public:
    Witness() = default;
    // Throws PythonError, std::bad_alloc.
    explicit Witness(PyObject* module);

    // The name is not looked at any more.
    void ignore(PyObject* name) noexcept;
    // A failure is a change.  Runs no code of the program.
    [[nodiscard]] bool unchanged() const noexcept;

  private:
    struct Function {
        PyObject* function;  // kept alive by `names_`, as are the objects of the others
        Ref code;
        Ref defaults;
        Ref keyword_defaults;
    };
    struct Container {
        PyObject* container;
        std::vector<Ref> contents;
    };

    void look_into(PyObject* value);
    [[nodiscard]] bool names_unchanged() const noexcept;

    Ref dict_;
    std::vector<std::pair<Ref, Ref>> names_;
    std::vector<Function> functions_;
    std::vector<Container> containers_;
    std::vector<std::pair<PyObject*, unsigned>> types_;
};

}  // namespace pycds::cpython
