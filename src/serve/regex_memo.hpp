#pragma once

// A compiled regular expression is the result of its pattern, its flags and CPython's compiler of them.  The compiler
// is the one of the dump if each of its modules was served from the same archive, and is as it was when it had just
// been executed.  Whatever is in doubt is compiled as ever.

#include "../cpython/python.hpp"
#include "../cpython/witness.hpp"
#include "memo_entries.hpp"

#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pycds::serve {

class RegexMemo {
  public:
    RegexMemo(image::Reader& reader, Linker& linker) : entries_(reader, linker) {}

    void turn_off() noexcept { on_ = false; }

    // Whether a module of that name belongs to the compiler, and the archive has something that it would compile.
    [[nodiscard]] bool is_about(std::string_view module) const noexcept;

    // To be called with each module of the compiler that was served, as soon as it has been executed.  True for the one
    // whose `compile` is to ask answer() from now on: all are witnessed.  Throws PythonError, std::bad_alloc.
    [[nodiscard]] bool witness(PyObject* module);
    // That module's `compile` has been replaced by one that asks.
    void replaced(PyObject* name) noexcept { witnesses_.back().ignore(name); }

    // What compile(pattern, flags) would return, a new one each time; null where it must be asked.  No exception is
    // set.
    [[nodiscard]] cpython::Ref answer(PyObject* pattern, PyObject* flags) noexcept;

    // compile(pattern, flags) had to be asked, and has returned something.
    void note_compiled(PyObject* pattern, PyObject* flags) noexcept;

    [[nodiscard]] const MemoEntries& entries() const noexcept { return entries_; }
    // Patterns and flags whose results the archive lacked.
    [[nodiscard]] const std::vector<std::pair<cpython::Ref, cpython::Ref>>& lacking() const noexcept {
        return lacking_;
    }

  private:
    // A program may compile patterns for as long as it runs.
    static constexpr std::size_t most_lacking = 1000;
    static constexpr Py_ssize_t longest_lacking = 10'000;

    [[nodiscard]] cpython::Ref look_up(PyObject* pattern, PyObject* flags);
    [[nodiscard]] bool compiler_unchanged() noexcept;

    MemoEntries entries_;
    bool on_ = true;
    // Of the compiler's modules, as many as are complete; that of `_sre` before the last.
    std::vector<cpython::Witness> witnesses_;
    cpython::Witness::Seen seen_;
    cpython::Ref make_;  // _sre.compile; null until all are
    std::vector<std::pair<cpython::Ref, cpython::Ref>> lacking_;
    std::unordered_set<std::string> lacking_keys_;
};

}  // namespace pycds::serve
