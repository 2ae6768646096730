#pragma once

// What a module was made of at one moment, so that it can be told later whether a program has changed anything of it:
// a name, a function's code or defaults, a class, or what is in a dict, list or set of the module's own.

#include "python.hpp"

#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pycds::cpython {

class Witness {
  public:
    using Seen = std::unordered_set<PyObject*>;

    Witness() = default;
    // What is in `seen` is left to the witness that has put it there.  Throws PythonError, std::bad_alloc.
    Witness(PyObject* module, Seen& seen);

    // The name is not looked at any more.
    void ignore(PyObject* name) noexcept;
    // Runs no code of the program.
    [[nodiscard]] bool unchanged() noexcept;

  private:
    // Of the objects in these only what could change is kept alive; they themselves are, by the names.
    struct Function {
        PyObject* function;
        Ref code;
        Ref defaults;
        Ref keyword_defaults;
    };
    struct Dict {
        PyObject* dict;
        std::uint64_t version;                   // when `items` was last found in it
        std::vector<std::pair<Ref, Ref>> items;  // in order; a value that is null is not looked at
    };
    struct Sequence {
        PyObject* sequence;  // a list or set
        std::vector<Ref> alive;
        std::vector<std::byte> contents;  // the memory that holds its items
    };

    struct Type {
        PyObject* type;
        unsigned version;         // when the rest was last found as it was
        Ref order;                // of look-up: its bases
        std::vector<Dict> dicts;  // of those of them that can be changed
    };

    void look_into(PyObject* value);
    [[nodiscard]] static Dict items_of(PyObject* dict);
    [[nodiscard]] static bool unchanged(Dict& known) noexcept;
    [[nodiscard]] static Type parts_of(PyObject* type);
    [[nodiscard]] static bool unchanged(Type& known) noexcept;

    Ref dict_;
    Dict names_{};
    std::vector<Function> functions_;
    std::vector<Dict> dicts_;
    std::vector<Sequence> sequences_;
    std::vector<Type> types_;
};

}  // namespace pycds::cpython
