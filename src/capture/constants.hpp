#pragma once

// The constants of all modules of a dump, each distinct one once.  Two constants are the same only if type and value
// agree to the bit (1, True and 1.0 differ, as do 0.0 and -0.0) and, for strings, if both are interned or neither is.

#include "../cpython/objects.hpp"
#include "../cpython/python.hpp"
#include "../image/reference.hpp"

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

namespace pycds::capture {

enum class NodeId : std::uint32_t {};
enum class CodeId : std::uint32_t {};

// What a reference of a captured object leads to.
class Target {
  public:
    enum class Kind : std::uint8_t { runtime, constant, code };

    explicit Target(image::Reference reference) noexcept : kind_(Kind::runtime), value_(reference.bits()) {}
    explicit Target(NodeId node) noexcept : kind_(Kind::constant), value_(static_cast<std::uint64_t>(node)) {}
    explicit Target(CodeId code) noexcept : kind_(Kind::code), value_(static_cast<std::uint64_t>(code)) {}

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    [[nodiscard]] image::Reference runtime() const noexcept { return image::Reference(value_); }
    [[nodiscard]] NodeId node() const noexcept { return static_cast<NodeId>(value_); }
    [[nodiscard]] CodeId code() const noexcept { return static_cast<CodeId>(value_); }
    friend bool operator==(const Target&, const Target&) noexcept = default;

  private:
    Kind kind_;
    std::uint64_t value_;
};

struct SlotTarget {
    std::size_t slot;
    Target target;
    friend bool operator==(const SlotTarget&, const SlotTarget&) noexcept = default;
};

enum class ConstantKind : std::uint8_t { ordinary, interned_string, frozenset };

struct Constant {
    ConstantKind kind = ConstantKind::ordinary;
    cpython::ObjectImage object;      // of a frozenset: its record (image::FrozensetRecord and room for the items)
    std::vector<SlotTarget> targets;  // references besides the type
    std::uint32_t uses = 0;           // modules that use it
    std::uint32_t last_user = 0;      // the newest walk that noted it
    bool holds_code = false;          // refers to a code object, itself or through others
    bool shared = false;              // to be stored once for all modules
    NodeId next_of_hash{};            // the next constant whose content has the same hash; itself: none

    [[nodiscard]] bool is_canonical() const noexcept { return kind != ConstantKind::ordinary; }
};

class ConstantTable {
  public:
    // The node of an equal constant, new or known.
    NodeId add(Constant constant);
    // Always a new node.  For NaNs: containers compare by identity first, so two must not become one.
    NodeId add_distinct(Constant constant);
    // The same for an interned string.  Most references are to strings that earlier modules used, and those are met as
    // the same object again: the table keeps them alive to know them by their address.
    NodeId add_interned(PyObject* string);

    [[nodiscard]] Constant& operator[](NodeId id) noexcept { return constants_[static_cast<std::size_t>(id)]; }
    [[nodiscard]] const Constant& operator[](NodeId id) const noexcept {
        return constants_[static_cast<std::size_t>(id)];
    }
    [[nodiscard]] std::size_t size() const noexcept { return constants_.size(); }
    // A number for a walk over one module's code, never 0.
    [[nodiscard]] std::uint32_t next_walk() noexcept { return ++walks_; }

    // Decides what is shared: constants of two modules or more, and whatever a frozenset holds.
    void mark_shared(std::span<const NodeId> used);

  private:
    void share_with_members(NodeId id);

    std::deque<Constant> constants_;
    std::uint32_t walks_ = 0;
    std::unordered_map<PyObject*, NodeId> interned_;
    std::vector<cpython::Ref> kept_;                     // the keys of `interned_`
    std::unordered_map<std::uint64_t, NodeId> by_hash_;  // the first of each hash
};

}  // namespace pycds::capture
