#include "image/extent_builder.hpp"

#include "image/format.hpp"

#include <array>
#include <cstring>
#include <gtest/gtest.h>

namespace pycds::image {
namespace {

using Words = std::vector<std::uint64_t>;

std::uint64_t word_at(const ExtentBuilder::Built& built, std::size_t offset) {
    std::uint64_t word = 0;
    std::memcpy(&word, built.bytes.data() + offset, sizeof(word));
    return word;
}

std::size_t append(ExtentBuilder& builder, const Words& words, std::size_t prefix = 0) {
    return builder.append(std::as_bytes(std::span(words)), prefix);
}

TEST(ExtentBuilder, NothingIsAnEmptyExtent) {
    ExtentBuilder builder;
    EXPECT_EQ(builder.built_size(), 0U);
    const auto built = builder.finish();
    EXPECT_TRUE(built.bytes.empty());
    EXPECT_EQ(built.objects_size, 0U);
    EXPECT_EQ(built.bitmap_words, 0U);
    EXPECT_EQ(built.relocations, 0U);
}

TEST(ExtentBuilder, ObjectsLieOnTheirBoundary) {
    ExtentBuilder builder;
    const std::array<std::byte, 3> three{std::byte{1}, std::byte{2}, std::byte{3}};
    EXPECT_EQ(builder.append(three), 0U);
    EXPECT_EQ(builder.append(three), 16U);
    EXPECT_EQ(append(builder, {7, 8, 9}), 32U);
    EXPECT_EQ(append(builder, {1}), 64U);
    const auto built = builder.finish();
    EXPECT_EQ(built.objects_size, 80U);
    EXPECT_EQ(built.bytes[2], std::byte{3});
    EXPECT_EQ(built.bytes[3], std::byte{0});
    EXPECT_EQ(built.bytes[16], std::byte{1});
    EXPECT_EQ(word_at(built, 48), 9U);
}

TEST(ExtentBuilder, PrefixIsZeroAndCounts) {
    ExtentBuilder builder;
    EXPECT_EQ(append(builder, {~0ULL, ~0ULL}, 16), 16U);
    EXPECT_EQ(append(builder, {~0ULL}, 16), 48U);
    const auto built = builder.finish();
    EXPECT_EQ(word_at(built, 0), 0U);
    EXPECT_EQ(word_at(built, 8), 0U);
    EXPECT_EQ(word_at(built, 32), 0U);
    EXPECT_EQ(word_at(built, 48), ~0ULL);
}

TEST(ExtentBuilder, AnEmptyObjectIsNoTrouble) {
    ExtentBuilder builder;
    EXPECT_EQ(builder.append({}), 0U);
    EXPECT_EQ(builder.append({}, 16), 16U);
    EXPECT_EQ(builder.finish().objects_size, 16U);
}

TEST(ExtentBuilder, BitmapNamesTheSlots) {
    ExtentBuilder builder;
    append(builder, Words(200));
    for (const std::size_t offset :
         {std::size_t{0}, std::size_t{8}, std::size_t{63 * 8}, std::size_t{64 * 8}, std::size_t{199 * 8}}) {
        builder.set_reference(offset, Reference::to_segment(offset & ~std::size_t{15}));
    }
    builder.set_word(16, 42);
    const std::size_t expected = builder.built_size();
    const auto built = builder.finish();
    EXPECT_EQ(built.bytes.size(), expected);
    EXPECT_EQ(built.objects_size, 1600U);
    EXPECT_EQ(built.bitmap_words, bitmap_words_for(1600));
    EXPECT_EQ(built.bitmap_words, 4U);
    EXPECT_EQ(built.relocations, 5U);
    EXPECT_EQ(word_at(built, 1600), (1ULL << 63) | 3U);
    EXPECT_EQ(word_at(built, 1608), 1U);
    EXPECT_EQ(word_at(built, 1616), 0U);
    EXPECT_EQ(word_at(built, 1624), 1ULL << (199 % 64));
    EXPECT_EQ(word_at(built, 16), 42U);
    EXPECT_EQ(word_at(built, 64 * 8), Reference::to_segment(512).bits());
}

TEST(ExtentBuilder, ASlotWrittenTwiceIsOneRelocation) {
    ExtentBuilder builder;
    append(builder, {0, 0});
    builder.set_reference(8, Reference::to_type(RuntimeType::code));
    builder.set_reference(8, Reference::to_type(RuntimeType::bytes));
    const auto built = builder.finish();
    EXPECT_EQ(built.relocations, 1U);
    EXPECT_EQ(word_at(built, 8), Reference::to_type(RuntimeType::bytes).bits());
}

TEST(ExtentBuilder, IsEmptyAfterwards) {
    ExtentBuilder builder;
    append(builder, {0, 0});
    builder.set_reference(8, Reference::to_type(RuntimeType::code));
    (void)builder.finish();
    EXPECT_EQ(builder.built_size(), 0U);
    EXPECT_EQ(append(builder, {5}), 0U);
    const auto built = builder.finish();
    EXPECT_EQ(built.relocations, 0U);
    EXPECT_EQ(word_at(built, 16), 0U);
}

}  // namespace
}  // namespace pycds::image
