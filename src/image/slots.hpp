#pragma once

// Objects as tools see them: bytes that stay bytes.  Where the objects of an extent begin can be told without knowing
// any of CPython's structs: each has its type in its second word, and nothing else refers to a type.

#include "format.hpp"
#include "reference.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace pycds::image {

// Of every object's type, within the object.
inline constexpr std::size_t object_type_slot = 8;

template <typename Value>
[[nodiscard]] Value load(std::span<const std::byte> bytes, std::uint64_t offset) noexcept {
    Value value;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
}

// Calls visit(offset of the slot, its reference) in ascending order; bits beyond the objects are passed over.
template <typename Visit>
void for_each_slot(std::span<const std::byte> objects, std::span<const std::byte> bitmap, Visit&& visit) {
    for (std::size_t i = 0; i < bitmap.size() / sizeof(std::uint64_t); ++i) {
        for (auto bits = load<std::uint64_t>(bitmap, i * sizeof(std::uint64_t)); bits != 0; bits &= bits - 1) {
            const std::size_t offset = (i * 64 + static_cast<std::size_t>(std::countr_zero(bits))) * sizeof(Reference);
            if (offset + sizeof(Reference) <= objects.size()) {
                visit(offset, Reference(load<std::uint64_t>(objects, offset)));
            }
        }
    }
}

// The type of the object that begins `object_type_slot` bytes before a slot, if the slot is an object's type.
[[nodiscard]] constexpr std::optional<RuntimeType> type_at_slot(std::uint64_t slot, Reference reference) noexcept {
    const std::int32_t value = reference.runtime_value();
    if (slot % object_alignment != object_type_slot || value < 0 || value >= runtime_type_count ||
        reference != Reference::to_type(static_cast<RuntimeType>(value))) {
        return std::nullopt;
    }
    return static_cast<RuntimeType>(value);
}

}  // namespace pycds::image
