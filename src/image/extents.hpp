#pragma once

// Reads extents: segments, and blocks of shared strings and constants.
//
// A program asks for them in about the order in which they lie in the file: that of first use.  Where one request
// follows upon what was read before, more is read at once: from `least_at_once` on twice as much each time, up to
// `most_at_once`.  What is asked for next is then there already.  A start that imports little reads little.
//
// What is read lies in a few windows, small enough for a processor's cache: what of it stays is copied from there.

#include "file.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace pycds::image {

class Extents {
  public:
    explicit Extents(InputFile& file) noexcept : file_(file) {}

    static constexpr std::size_t least_at_once = std::size_t{16} * 1024;
    static constexpr std::size_t most_at_once = std::size_t{64} * 1024;

    // The bytes of an extent, until the next call.  `offset` is on an object boundary, and so is the memory.  Throws
    // Error, std::bad_alloc.
    [[nodiscard]] std::span<const std::byte> read(std::uint64_t offset, std::size_t size);

  private:
    // A part of the file.
    class Window {
      public:
        [[nodiscard]] bool holds(std::uint64_t offset, std::size_t size) const noexcept;
        // Whether an extent that begins there comes next in the file, or is the one that the window ends within.
        [[nodiscard]] bool leads_to(std::uint64_t offset) const noexcept;
        [[nodiscard]] std::size_t size() const noexcept { return size_; }
        [[nodiscard]] std::span<const std::byte> at(std::uint64_t offset, std::size_t size) const noexcept {
            return {memory_.get() + (offset - begin_), size};
        }
        // Reads what it does not hold already; it holds nothing after an error.
        void move_to(InputFile& file, std::uint64_t offset, std::size_t size);

        std::uint64_t last_use = 0;

      private:
        std::unique_ptr<std::byte[]> memory_;
        std::size_t capacity_ = 0;
        std::uint64_t begin_ = 0;
        std::size_t size_ = 0;
    };

    [[nodiscard]] Window& window_for(std::uint64_t offset) noexcept;
    void fill(Window& window, std::uint64_t offset, std::size_t size);

    InputFile& file_;
    // Sections are read by turns: strings, constants, segments of modules and of memo entries.
    std::array<Window, 4> windows_;
    std::uint64_t uses_ = 0;
};

}  // namespace pycds::image
