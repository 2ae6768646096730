#pragma once

#include <cstddef>
#include <cstdint>

namespace pycds::snapshot {

// XXH64, seed 0: it takes less code than XXH3, which archives have, and the restorer is to be small.
[[nodiscard, gnu::nonnull]] std::uint64_t checksum(const void* bytes, std::size_t size) noexcept;

}  // namespace pycds::snapshot
