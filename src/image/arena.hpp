#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pycds::image {

// Where segments and blocks are placed as they are read, one behind the other: memory is used for what is linked, not
// for what the archive holds.  Addresses are reserved for all that is expected, and become memory step by step, so that
// nothing lies idle between large segments.  Anonymous pages, huge ones where enough is to come: the kernel clears and
// maps one in a single fault instead of 512.
//
// Objects that were linked live as long as the process: keep() gives the memory up to them.
class Arena {
  public:
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena();

    // Room for `size` bytes on an object boundary.  It is taken only when commit() is called, with no reserve() in
    // between; until then a failed read costs nothing.  `expected` is what may be reserved in all from here on: a huge
    // page is not begun where it could not be filled.  Throws std::bad_alloc.
    [[nodiscard]] std::span<std::byte> reserve(std::size_t size, std::size_t expected = SIZE_MAX);
    void commit(std::span<std::byte> reserved) noexcept;

    void keep() noexcept { kept_ = true; }

  private:
    // Addresses reserved at once; from `usable_end` on they may not be touched yet.
    struct Range {
        void* mapping;
        std::size_t mapping_size;
        std::byte* next;
        std::byte* usable_end;
        std::byte* end;
    };

    void add_range(std::size_t at_least, std::size_t expected);
    void extend(std::size_t size, std::size_t expected);

    std::vector<Range> ranges_;  // the last one is in use
    bool kept_ = false;
};

}  // namespace pycds::image
