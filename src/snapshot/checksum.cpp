#include "checksum.hpp"

#define XXH_NO_XXH3
#define XXH_NO_STREAM
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pycds::snapshot {

std::uint64_t checksum(const void* bytes, std::size_t size) noexcept { return XXH64(bytes, size, 0); }

}  // namespace pycds::snapshot
