#pragma once

// Entries of the archive that are no modules: results of pure work, each linked when it is first asked for.

#include "../cpython/python.hpp"
#include "../image/reader.hpp"
#include "linker.hpp"

#include <chrono>
#include <cstdint>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

namespace pycds::serve {

struct MemoCounters {
    std::uint64_t served = 0;
    std::uint64_t missed = 0;       // not in the archive
    std::uint64_t not_kept = 0;     // of a kind that is never kept
    std::uint64_t repeated = 0;     // of what is given once: given already
    std::uint64_t changed = 0;      // the compiler is not as it was
    std::uint64_t unreadable = 0;   // damaged, or asked for while something was linked
    std::uint64_t nanoseconds = 0;  // of those served
};

class MemoEntries {
  public:
    MemoEntries(image::Reader& reader, Linker& linker) : reader_(reader), linker_(linker) {}

    // What `look_up` gives, a Ref, counted and timed; null where it gives none or throws.  No exception is set.
    template <typename LookUp>
    [[nodiscard]] cpython::Ref answer(LookUp&& look_up) noexcept {
        const auto start = std::chrono::steady_clock::now();
        try {
            cpython::Ref found = look_up();
            if (found) {
                ++counters_.served;
                counters_.nanoseconds += static_cast<std::uint64_t>(
                    std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
            }
            return found;
        } catch (const image::Error&) {
        } catch (const cpython::PythonError&) {
            PyErr_Clear();
        } catch (const std::bad_alloc&) {
        }
        ++counters_.unreadable;
        return {};
    }

    // What is kept under that key: constants, a tuple (borrowed); null where there is nothing, or it cannot be linked
    // now, which is counted.  Throws image::Error, PythonError, std::bad_alloc.
    [[nodiscard]] PyObject* constants_of(const std::string& key);
    [[nodiscard]] bool was_asked(const std::string& key) const { return known_.find(key) != known_.end(); }
    // Whether the archive has it at all.  Throws image::Error.
    [[nodiscard]] bool has(const std::string& key) const;
    // Nothing will be given under that key any more.
    void give_up(const std::string& key) noexcept;
    [[nodiscard]] bool is_any() const noexcept { return reader_.header().memos != 0; }

    [[nodiscard]] MemoCounters& counters() noexcept { return counters_; }
    [[nodiscard]] const MemoCounters& counters() const noexcept { return counters_; }
    // The keys of those that were asked for and linked.
    [[nodiscard]] std::vector<std::string> used() const;

  private:
    image::Reader& reader_;
    Linker& linker_;
    std::unordered_map<std::string, cpython::Ref> known_;
    MemoCounters counters_;
};

}  // namespace pycds::serve
