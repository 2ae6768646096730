#include "checksum.hpp"

#include "xxh3.hpp"

namespace pycds::image {

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
#ifdef __x86_64__
    static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
    if (has_avx2) {
        return xxh3_avx2(bytes.data(), bytes.size());
    }
#endif
    return xxh3_portable(bytes.data(), bytes.size());
}

}  // namespace pycds::image
