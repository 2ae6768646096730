#pragma once

// Code compiled from texts: what exec(), eval() and compile() would make of a text under a filename, flags and a level
// of optimisation, which together are all that CPython's compiler looks at.  Each is given once, since code objects
// carry what the interpreter makes of them (inline caches, co_extra, monitoring): a program that compiles a text twice
// has two.

#include "../cpython/compile_call.hpp"
#include "memo_entries.hpp"

#include <string>
#include <unordered_set>
#include <vector>

namespace pycds::serve {

class CodeMemo {
  public:
    CodeMemo(image::Reader& reader, Linker& linker) : entries_(reader, linker) {}

    void turn_off() noexcept { on_ = false; }
    // Whether it is worth asking: the archive has results of pure work, of whatever kind.
    [[nodiscard]] bool is_on() const noexcept { return on_ && entries_.is_any(); }

    // The code, a new reference; null where it must be compiled.  No exception is set.
    [[nodiscard]] cpython::Ref answer(const cpython::Compilation& compilation) noexcept;
    // It had to be compiled, and could be.
    void note_compiled(const cpython::Compilation& compilation) noexcept;

    // Whether a program has compiled so much that the archive has not that it is not worth asking any more.
    [[nodiscard]] bool is_in_vain() const noexcept { return in_vain_ >= most_in_vain; }

    [[nodiscard]] const MemoEntries& entries() const noexcept { return entries_; }
    [[nodiscard]] const std::vector<cpython::Compilation>& lacking() const noexcept { return lacking_; }

  private:
    [[nodiscard]] cpython::Ref look_up(const cpython::Compilation& compilation);

    // A program may compile texts for as long as it runs.
    static constexpr std::size_t most_lacking = 1000;
    static constexpr Py_ssize_t longest_lacking = 100'000;

    // In a loop over eval() asking would cost more than it could bring.
    static constexpr unsigned most_in_vain = 1000;

    MemoEntries entries_;
    unsigned in_vain_ = 0;  // answers since the last that was one
    bool on_ = true;
    std::vector<cpython::Compilation> lacking_;
    std::unordered_set<std::string> lacking_keys_;
};

}  // namespace pycds::serve
