#include "image/reservation.hpp"

#include "image/format.hpp"

#include <cstdint>
#include <gtest/gtest.h>
#include <new>

namespace pycds::image {
namespace {

TEST(Reservation, IsZeroAndWritableFromEndToEnd) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{3} << 20}) {
        const Reservation memory(size);
        ASSERT_NE(memory.base(), nullptr);
        EXPECT_EQ(memory.size(), size);
        EXPECT_EQ(memory.base()[0], std::byte{0});
        EXPECT_EQ(memory.base()[size - 1], std::byte{0});
        memory.base()[0] = std::byte{1};
        memory.base()[size - 1] = std::byte{2};
        EXPECT_EQ(memory.at(size - 1, 1)[0], std::byte{2});
    }
}

TEST(Reservation, OffsetsOfTheFileKeepTheirAlignment) {
    const Reservation memory(100);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.base()) % object_alignment, 0U);
    EXPECT_EQ(memory.at(48, 16).data(), memory.base() + 48);
    EXPECT_EQ(memory.at(48, 16).size(), 16U);
}

TEST(Reservation, OfImpossibleSizeThrows) { EXPECT_THROW(Reservation(std::size_t{1} << 62), std::bad_alloc); }

TEST(ReservationDeathTest, IsGoneAfterwards) {
    std::byte* object = nullptr;
    {
        const Reservation memory(4096);
        object = memory.base();
    }
    EXPECT_DEATH(*static_cast<volatile std::byte*>(object) = std::byte{7}, "");
}

}  // namespace
}  // namespace pycds::image
