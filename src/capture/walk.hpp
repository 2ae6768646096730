#pragma once

// collect's counterpart in the core: walks the graph of a module's code object and notes what it is made of.

#include "constants.hpp"

#include <memory_resource>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace pycds::capture {

// The module's code holds something that an image cannot represent; what() is the reason.
class Unarchivable : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct CapturedCode {
    cpython::ObjectImage object;
    std::vector<SlotTarget> targets;
    bool is_function = false;
};

// A module's code objects, the module's own first, and the constants they use, both in order of first visit.
struct CapturedModule {
    CodeId first_code{};
    std::vector<CapturedCode> codes;
    std::vector<NodeId> constants;
};

class ModuleWalk {
  public:
    // `frozenset_orders` maps each constant frozenset to the tuple of its items in the order in which a plain import
    // inserts them (a dict, borrowed); `first_code` is the number of the module's first code object.
    ModuleWalk(ConstantTable& constants, PyObject* frozenset_orders, CodeId first_code);

    // Throws Unarchivable, PythonError.
    [[nodiscard]] CapturedModule capture(PyObject* code);

  private:
    CodeId add_code(PyObject* code);
    Target target_of(PyObject* object);
    Target new_target(PyObject* object);
    Target add_leaf(cpython::ObjectImage object);
    Target add_number(cpython::ObjectImage object, PyObject* number);  // a float or complex
    Target add_tuple(PyObject* tuple);
    Target add_slice(PyObject* slice);
    Target add_frozenset(PyObject* frozenset);
    [[nodiscard]] std::vector<PyObject*> insertion_order(PyObject* frozenset) const;
    Target note(NodeId id);
    [[nodiscard]] bool holds_code(const Target& target) const noexcept;

    ConstantTable& table_;
    PyObject* frozenset_orders_;
    std::uint32_t walk_number_;
    CapturedModule module_;
    // Thousands of small nodes, all freed together.
    std::pmr::monotonic_buffer_resource memory_{std::size_t{64} * 1024};
    std::pmr::unordered_map<PyObject*, Target> seen_{&memory_};
    std::string where_;
    int depth_ = 0;
};

}  // namespace pycds::capture
