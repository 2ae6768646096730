#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pycds::image {

// XXH3, 64 bits, seed 0: finds any accidental change.  It is no defence against forgery; docs/format.md says so.
[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes) noexcept;

}  // namespace pycds::image
