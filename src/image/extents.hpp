#pragma once

// Reads extents (segments, and blocks of shared strings and constants) into memory of their own.
//
// A program asks for them in about the order in which they lie in the file: that of first use.  Where one request
// follows upon what was read before, more is read at once: from `least_at_once` on twice as much each time, up to
// `most_at_once`.  What is asked for next is then in memory already, at its place.  A start that imports little reads
// little.

#include "arena.hpp"
#include "file.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace pycds::image {

class Extents {
  public:
    // They lie between `begin` and the end of the file.
    Extents(InputFile& file, std::uint64_t begin) noexcept : file_(file), unread_(file.size() - begin) {}

    static constexpr std::size_t least_at_once = std::size_t{16} * 1024;
    static constexpr std::size_t most_at_once = std::size_t{256} * 1024;

    // The bytes of an extent, as they are in the file, in memory that is given to no other.  What is asked for again is
    // read again.  `offset` is on an object boundary, and so is the memory.  Throws Error, std::bad_alloc.
    [[nodiscard]] std::span<std::byte> read(std::uint64_t offset, std::size_t size);

    // The memory stays when this goes.
    void keep() noexcept { arena_.keep(); }

  private:
    // Bytes that were read and not yet asked for.
    struct Piece {
        std::uint64_t end;  // in the file
        std::byte* memory;
    };
    struct Reading {
        std::uint64_t end = 0;
        std::size_t size = 0;
    };

    [[nodiscard]] std::span<std::byte> take(std::uint64_t offset, std::size_t size);
    void drop_beginning(std::uint64_t offset, std::size_t size) noexcept;
    [[nodiscard]] std::size_t size_of_reading(std::uint64_t offset, std::size_t size) const noexcept;
    [[nodiscard]] std::span<std::byte> read_new(std::uint64_t offset, std::size_t size);

    InputFile& file_;
    Arena arena_;
    std::uint64_t unread_;                   // bytes of the file that no reading has had
    std::map<std::uint64_t, Piece> pieces_;  // by their beginning in the file
    std::array<Reading, 8> latest_;          // sections, and parts of them, are read by turns
    std::size_t next_of_latest_ = 0;
};

}  // namespace pycds::image
