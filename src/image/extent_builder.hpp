#pragma once

#include "reference.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pycds::image {

// Lays objects one behind the other and notes which of their words are pointer slots.  The result is what
// Reader::load_segment and load_block read: objects, then the bitmap of slots.
class ExtentBuilder {
  public:
    // Copies `object` to the next boundary that leaves `prefix` zero bytes before it; returns its offset.  The prefix
    // is the garbage collector's header of containers.
    std::size_t append(std::span<const std::byte> object, std::size_t prefix = 0);

    // Makes the word at `offset` a slot that holds `reference`.
    void set_reference(std::size_t offset, Reference reference);
    // Stores a reference in a word that is not relocated with the extent (the items of a frozenset).
    void set_word(std::size_t offset, std::uint64_t word);

    [[nodiscard]] std::size_t objects_size() const noexcept { return objects_.size(); }
    // Where the next object would begin, if it has no prefix.
    [[nodiscard]] std::size_t next_offset() const noexcept;
    // Bytes that finish() will return: known as soon as the last object is appended.
    [[nodiscard]] std::size_t built_size() const noexcept;

    // Rounds the objects up to the alignment, completes the bitmap and returns both; the builder is empty afterwards.
    // Throws std::length_error where a field of the format is too narrow.
    struct Built {
        std::vector<std::byte> bytes;
        std::uint32_t objects_size;
        std::uint32_t bitmap_words;
        std::uint32_t relocations;
    };
    [[nodiscard]] Built finish();

  private:
    std::vector<std::byte> objects_;
    std::vector<std::uint64_t> bitmap_;
    std::uint32_t relocations_ = 0;
};

}  // namespace pycds::image
