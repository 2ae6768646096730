#include "image/checksum.hpp"

#include "image/xxh3.hpp"

#include <gtest/gtest.h>
#include <string_view>
#include <vector>

namespace pycds::image {
namespace {

std::uint64_t of(std::string_view text) { return checksum(std::as_bytes(std::span(text))); }

std::vector<std::byte> sample(std::size_t size) {
    std::vector<std::byte> bytes(size);
    std::uint32_t state = 1;
    for (std::byte& byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<std::byte>(state >> 24);
    }
    return bytes;
}

// XXH3 is an algorithm, not a library: these values stand in the index of every archive.
TEST(Checksum, IsXxh3WithSeedZero) {
    EXPECT_EQ(of(""), 0x2d06800538d394c2U);
    EXPECT_EQ(of("a"), 0xe6c632b61e964e1fU);
    EXPECT_EQ(of("abc"), 0x78af5f94892f3950U);
    EXPECT_EQ(of("shop") >> 32, 0xf3fbbc38U);
}

// Every length has a way of its own up to 240 bytes; beyond, stripes and blocks, which begin and end anywhere.
TEST(Checksum, IsTheSameWithoutVectorInstructions) {
    const auto bytes = sample(5000);
    for (std::size_t size = 0; size < 2500; ++size) {
        const std::size_t begin = size % 17;
        const std::uint64_t portable = xxh3_portable(bytes.data() + begin, size);
        ASSERT_EQ(checksum(std::span(bytes).subspan(begin, size)), portable) << size;
        if (__builtin_cpu_supports("avx2")) {
            ASSERT_EQ(xxh3_avx2(bytes.data() + begin, size), portable) << size;
        }
    }
}

TEST(Checksum, NoticesEachBit) {
    auto bytes = sample(300);
    const std::uint64_t before = checksum(bytes);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        ASSERT_NE(checksum(bytes), before) << bit;
        bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    }
}

}  // namespace
}  // namespace pycds::image
