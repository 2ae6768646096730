// Compiled with -mavx2 (CMakeLists.txt).  Nothing but the hash belongs here: an inline function of another header,
// compiled with these instructions, could be the one that the linker keeps.

#include "xxh3.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pycds::image {

std::uint64_t xxh3_avx2(const void* data, std::size_t size) noexcept { return XXH3_64bits(data, size); }

}  // namespace pycds::image
