#pragma once

// XXH3 compiled twice, for any x86-64 and for those with AVX2, which is twice as fast; the value is the same.

#include <cstddef>
#include <cstdint>

namespace pycds::image {

[[nodiscard]] std::uint64_t xxh3_portable(const void* data, std::size_t size) noexcept;
[[nodiscard]] std::uint64_t xxh3_avx2(const void* data, std::size_t size) noexcept;

}  // namespace pycds::image
