#include "xxh3.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pycds::image {

std::uint64_t xxh3_portable(const void* data, std::size_t size) noexcept { return XXH3_64bits(data, size); }

}  // namespace pycds::image
