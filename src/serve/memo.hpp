#pragma once

// The memo: results of pure work, kept in the archive under what they are the results of.
//
// A compiled regular expression is the result of its pattern, its flags and CPython's compiler of them.  The compiler
// is the one of the dump if each of its modules was served from the same archive, and is as it was when it had just
// been executed.  Whatever is in doubt is compiled as ever.

#include "../cpython/python.hpp"
#include "../cpython/witness.hpp"
#include "../image/reader.hpp"
#include "linker.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pycds::serve {

struct MemoCounters {
    std::uint64_t served = 0;
    std::uint64_t missed = 0;       // not in the archive
    std::uint64_t not_kept = 0;     // of a kind that is never kept
    std::uint64_t changed = 0;      // the compiler is not as it was
    std::uint64_t unreadable = 0;   // damaged, or asked for while something was linked
    std::uint64_t nanoseconds = 0;  // of those served
};

class RegexMemo {
  public:
    RegexMemo(image::Reader& reader, Linker& linker) : reader_(reader), linker_(linker) {}

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

    [[nodiscard]] const MemoCounters& counters() const noexcept { return counters_; }
    // Patterns and flags whose results the archive lacked, and the keys of those that it gave.
    [[nodiscard]] const std::vector<std::pair<cpython::Ref, cpython::Ref>>& lacking() const noexcept {
        return lacking_;
    }
    [[nodiscard]] std::vector<std::string> used() const;

  private:
    // A program may compile patterns for as long as it runs.
    static constexpr std::size_t most_lacking = 1000;
    static constexpr Py_ssize_t longest_lacking = 10'000;

    struct Known {
        std::string key;
        cpython::Ref data;
    };

    [[nodiscard]] PyObject* data_of(const std::string& key);
    [[nodiscard]] bool compiler_unchanged() noexcept;

    image::Reader& reader_;
    Linker& linker_;
    bool on_ = true;
    // Of the compiler's modules, as many as are complete; that of `_sre` before the last.
    std::vector<cpython::Witness> witnesses_;
    cpython::Witness::Seen seen_;
    cpython::Ref make_;                               // _sre.compile; null until all are
    std::unordered_map<std::uint32_t, Known> known_;  // by ordinal
    std::vector<std::pair<cpython::Ref, cpython::Ref>> lacking_;
    std::unordered_set<std::string> lacking_keys_;
    MemoCounters counters_;
};

}  // namespace pycds::serve
