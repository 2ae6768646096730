#pragma once

// Objects that are needed once, from their images (objects.hpp) into memory of the runtime's allocator: the runtime
// frees them as those that it has made itself.

#include "python.hpp"

#include <cstddef>
#include <span>

namespace pycds::cpython {

// The fields of a code object that refer to others: their offsets.
inline constexpr std::size_t code_slot_count = 9;
[[nodiscard]] std::span<const std::size_t, code_slot_count> code_slots() noexcept;

// The bytes of the object whose image begins there; 0 where there are not so many.
[[nodiscard]] std::size_t size_of_code_image(std::span<const std::byte> image) noexcept;
// `values`, one for each slot, become the object's.  Throws std::bad_alloc; PythonError.
[[nodiscard]] Ref new_code(std::span<const std::byte> image, std::span<Ref, code_slot_count> values);

// The references of a tuple, a word each, or the text of bytes; of a size beyond the image if that is damaged.
struct Items {
    std::size_t offset;
    std::size_t count;
};
[[nodiscard]] Items items_of_tuple_image(std::span<const std::byte> image) noexcept;
[[nodiscard]] Items items_of_bytes_image(std::span<const std::byte> image) noexcept;

}  // namespace pycds::cpython
