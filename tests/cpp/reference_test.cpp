#include "image/reference.hpp"

#include <gtest/gtest.h>

namespace pycds::image {
namespace {

TEST(Reference, DefaultIsNull) {
    EXPECT_EQ(Reference{}.kind(), ReferenceKind::null);
    EXPECT_EQ(Reference{}.bits(), 0U);
}

TEST(Reference, OffsetsKeepTheirValue) {
    for (const std::uint64_t offset :
         {std::uint64_t{0}, std::uint64_t{16}, std::uint64_t{0xFFFFFFF0}, std::uint64_t{1} << 40}) {
        EXPECT_EQ(Reference::to_segment(offset).kind(), ReferenceKind::segment);
        EXPECT_EQ(Reference::to_segment(offset).offset(), offset);
        EXPECT_EQ(Reference::to_constant(offset).kind(), ReferenceKind::constant);
        EXPECT_EQ(Reference::to_constant(offset).offset(), offset);
    }
}

TEST(Reference, CanonicalsKeepNumberAndOffset) {
    for (const std::uint32_t number : {0U, 1U, max_canonicals - 1}) {
        for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{16}, std::uint64_t{0x1FFFFFFFF} << 4}) {
            const Reference string = Reference::to_string(number, offset);
            EXPECT_EQ(string.kind(), ReferenceKind::string);
            EXPECT_EQ(string.number(), number);
            EXPECT_EQ(string.canonical_offset(), offset);
            const Reference set = Reference::to_frozenset(number, offset);
            EXPECT_EQ(set.kind(), ReferenceKind::frozenset);
            EXPECT_EQ(set.number(), number);
            EXPECT_EQ(set.canonical_offset(), offset);
            EXPECT_NE(string, set);
        }
    }
}

TEST(Reference, RuntimeObjectsKeepKindAndValue) {
    for (std::uint8_t kind = 0; kind < runtime_kind_count; ++kind) {
        for (const std::int32_t value : {-5, -1, 0, 1, 255, 256, 1024, 2042}) {
            const Reference reference = Reference::to_runtime(static_cast<RuntimeKind>(kind), value);
            EXPECT_EQ(reference.kind(), ReferenceKind::runtime);
            EXPECT_EQ(reference.runtime_kind(), kind);
            EXPECT_EQ(reference.runtime_value(), value);
            EXPECT_LT(reference.number(), runtime_table_size);
        }
    }
    EXPECT_EQ(Reference::to_type(RuntimeType::slice).runtime_value(), 7);
    EXPECT_EQ(Reference::to_singleton(RuntimeSingleton::empty_string).runtime_value(), 6);
}

// The numbers are the format: whoever changes one of these must raise format_version.
TEST(Reference, BitsAreThoseOfTheFormat) {
    EXPECT_EQ(Reference::to_segment(0x40).bits(), 0x201U);
    EXPECT_EQ(Reference::to_constant(0x40).bits(), 0x202U);
    EXPECT_EQ(Reference::to_string(5, 0x30).bits(), (std::uint64_t{3} << 31) | (5U << 3) | 3U);
    EXPECT_EQ(Reference::to_frozenset(5, 0x30).bits(), (std::uint64_t{3} << 31) | (5U << 3) | 4U);
    EXPECT_EQ(Reference::to_type(RuntimeType::tuple).bits(), ((6U + 5U) << 3) | 5U);
    EXPECT_EQ(Reference::to_singleton(RuntimeSingleton::none).bits(), ((2048U + 5U) << 3) | 5U);
    EXPECT_EQ(Reference::to_runtime(RuntimeKind::small_int, -1).bits(), ((2 * 2048U + 4U) << 3) | 5U);
    EXPECT_EQ(Reference::to_runtime(RuntimeKind::character, 'a').bits(), ((3 * 2048U + 'a' + 5U) << 3) | 5U);
    EXPECT_EQ(Reference::to_runtime(RuntimeKind::interned_char, 'a').bits(), ((4 * 2048U + 'a' + 5U) << 3) | 5U);
    EXPECT_EQ(Reference::to_runtime(RuntimeKind::byte, 'a').bits(), ((5 * 2048U + 'a' + 5U) << 3) | 5U);
}

}  // namespace
}  // namespace pycds::image
