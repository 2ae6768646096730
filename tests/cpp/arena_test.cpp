#include "image/arena.hpp"

#include "image/format.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <new>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace pycds::image {
namespace {

std::span<std::byte> take(Arena& arena, std::size_t size, std::size_t expected = std::size_t{64} << 20) {
    const auto bytes = arena.reserve(size, expected);
    arena.commit(bytes);
    return bytes;
}

// Bytes of this process's address space: the first number of /proc/self/statm, in pages.
std::size_t own_addresses() {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<std::size_t>(::getpagesize());
}

TEST(Arena, PartsLieOnBoundariesAndApart) {
    Arena arena;
    struct Part {
        std::span<std::byte> bytes;
        std::byte mark;
    };
    std::vector<Part> parts;
    unsigned mark = 0;
    // From small chunks over into huge ones, with parts larger than either.
    for (const std::size_t size :
         {1U, 15U, 16U, 17U, 5000U, 200'000U, 300'000U, 100'000U, 3U << 20, 7U, 1U << 20, 2U << 20, 64U}) {
        const auto bytes = take(arena, size);
        ASSERT_EQ(bytes.size(), size);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % object_alignment, 0U);
        parts.push_back({bytes, static_cast<std::byte>(++mark)});
        std::ranges::fill(bytes, parts.back().mark);
    }
    for (const Part& part : parts) {
        EXPECT_TRUE(std::ranges::all_of(part.bytes, [&](std::byte byte) { return byte == part.mark; }));
    }
}

// Whatever is expected, what is asked for is given.
TEST(Arena, ExpectationsMayBeWrong) {
    for (const std::size_t expected : {std::size_t{0}, std::size_t{1} << 20, std::size_t{1} << 50}) {
        Arena arena;
        std::vector<std::span<std::byte>> parts;
        for (int i = 0; i < 40; ++i) {
            parts.push_back(take(arena, 100'000, expected));
            std::ranges::fill(parts.back(), static_cast<std::byte>(i));
        }
        for (int i = 0; i < 40; ++i) {
            EXPECT_EQ(parts[static_cast<std::size_t>(i)].front(), static_cast<std::byte>(i));
            EXPECT_EQ(parts[static_cast<std::size_t>(i)].back(), static_cast<std::byte>(i));
        }
    }
}

TEST(Arena, SmallPartsLieOneBehindTheOther) {
    Arena arena;
    const auto first = take(arena, 20);
    const auto second = take(arena, 20);
    EXPECT_EQ(second.data() - first.data(), 32);
}

TEST(Arena, LargePartsLieOneBehindTheOtherToo) {
    Arena arena;
    const std::byte* end = take(arena, std::size_t{3} << 19).data() + (std::size_t{3} << 19);
    for (std::size_t size = 1U << 16; size < (8U << 20); size *= 2) {
        const auto bytes = take(arena, size);
        EXPECT_EQ(bytes.data(), end);
        end = bytes.data() + size;
    }
}

// A limit that leaves no room for what is expected leaves room for what is asked for.
TEST(ArenaDeathTest, FewAddressesAreEnough) {
    const auto take_one_under_a_limit = [] {
        rlimit limit{};
        limit.rlim_cur = own_addresses() + (std::size_t{24} << 20);
        limit.rlim_max = RLIM_INFINITY;
        const bool limited = ::setrlimit(RLIMIT_AS, &limit) == 0;
        Arena arena;
        take(arena, 1U << 20)[0] = std::byte{1};
        std::_Exit(limited ? 0 : 1);
    };
    EXPECT_EXIT(take_one_under_a_limit(), testing::ExitedWithCode(0), "");
}

TEST(Arena, WhatIsNotTakenIsGivenAgain) {
    Arena arena;
    const auto refused = arena.reserve(100, 100);
    EXPECT_EQ(arena.reserve(100, 100).data(), refused.data());
}

TEST(Arena, NothingNeedsNoRoom) {
    Arena arena;
    EXPECT_EQ(take(arena, 0).size(), 0U);
    EXPECT_EQ(take(arena, 8).size(), 8U);
}

TEST(Arena, OfImpossibleSizeThrowsAndStaysUsable) {
    Arena arena;
    const auto before = take(arena, 16);
    before[0] = std::byte{5};
    EXPECT_THROW((void)arena.reserve(std::size_t{1} << 62, 0), std::bad_alloc);
    EXPECT_EQ(before[0], std::byte{5});
    take(arena, 16)[0] = std::byte{6};
}

TEST(Arena, WhatIsKeptOutlivesIt) {
    std::span<std::byte> object;
    {
        Arena arena;
        object = take(arena, 64);
        object[0] = std::byte{7};
        arena.keep();
    }
    EXPECT_EQ(object[0], std::byte{7});
}

TEST(ArenaDeathTest, WhatIsNotKeptIsGone) {
    std::byte* object = nullptr;
    {
        Arena arena;
        object = take(arena, 64).data();
    }
    EXPECT_DEATH(*static_cast<volatile std::byte*>(object) = std::byte{7}, "");
}

}  // namespace
}  // namespace pycds::image
