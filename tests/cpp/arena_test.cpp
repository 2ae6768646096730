#include "image/arena.hpp"

#include "image/format.hpp"

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <new>
#include <vector>

namespace pycds::image {
namespace {

std::span<std::byte> take(Arena& arena, std::size_t size, std::size_t expected = std::size_t{64} << 20) {
    const auto bytes = arena.reserve(size, expected);
    arena.commit(bytes);
    return bytes;
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
