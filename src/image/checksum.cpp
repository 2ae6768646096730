#include "checksum.hpp"

#include "xxh3.hpp"

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace pycds::image {

#ifdef __x86_64__
namespace {

// __builtin_cpu_supports("avx2") brings, for this one bit, a function that finds out about all of them: 4 kB.
bool find_avx2() noexcept {
    constexpr unsigned saved_by_kernel = 6;  // bits of XCR0: the registers of SSE and of AVX
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) {
        return false;
    }
    unsigned enabled = 0;
    unsigned high = 0;
    __asm__("xgetbv" : "=a"(enabled), "=d"(high) : "c"(0));
    return (enabled & saved_by_kernel) == saved_by_kernel && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 &&
           (b & bit_AVX2) != 0;
}

}  // namespace
#endif

std::uint64_t checksum(std::span<const std::byte> bytes) noexcept {
#ifdef __x86_64__
    static const bool has_avx2 = find_avx2();
    if (has_avx2) {
        return xxh3_avx2(bytes.data(), bytes.size());
    }
#endif
    return xxh3_portable(bytes.data(), bytes.size());
}

}  // namespace pycds::image
