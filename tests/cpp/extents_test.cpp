#include "image/extents.hpp"

#include "image/error.hpp"
#include "scratch_directory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace pycds::image {
namespace {

using test::ScratchDirectory;

constexpr std::size_t step = 4096;

// Each word says where it lies.
std::string content(std::size_t size, std::uint64_t plus = 0) {
    std::string text(size, '\0');
    for (std::uint64_t offset = 0; offset + sizeof(offset) <= size; offset += sizeof(offset)) {
        const std::uint64_t word = offset + plus;
        std::memcpy(text.data() + offset, &word, sizeof(word));
    }
    return text;
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void overwrite(const std::string& path, const std::string& text) {
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
}

class ExtentsTest : public ::testing::Test {
  protected:
    static constexpr std::size_t size = std::size_t{2} * 1024 * 1024;
    ScratchDirectory scratch;
    std::string before = content(size);
    std::string path = scratch.write("archive", before);
    InputFile file{path};
    Extents extents{file};
};

TEST_F(ExtentsTest, WhatFollowsIsReadAhead) {
    std::size_t offset = 0;
    for (; offset < 2 * step; offset += step) {
        EXPECT_EQ(text_of(extents.read(offset, step)), before.substr(offset, step));
    }
    const std::string after = content(size, 1);
    overwrite(path, after);
    std::size_t old = 0;
    for (; offset + step <= size; offset += step) {
        const std::string found = text_of(extents.read(offset, step));
        const bool is_old = found == before.substr(offset, step);
        EXPECT_TRUE(is_old || found == after.substr(offset, step)) << offset;
        EXPECT_TRUE(!is_old || offset == (old + 2) * step) << "nothing is read too early";
        old += static_cast<std::size_t>(is_old);
    }
    EXPECT_GT(old, 1U);
    EXPECT_LE(old * step, Extents::most_at_once);
}

// What a reading ends within is read as a whole; what was read of it is not read again.
TEST_F(ExtentsTest, WhatAReadingEndsWithinIsCompleted) {
    std::size_t offset = 0;
    for (std::size_t turn = 0; offset + 40 * step < size; ++turn) {
        const std::size_t count = (turn % 7 + 1) * 1234 / 16 * 16;
        const auto bytes = extents.read(offset, count);
        ASSERT_EQ(text_of(bytes), before.substr(offset, count)) << offset;
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % 16, 0U);
        offset += count;
    }
}

TEST_F(ExtentsTest, LargeOnesAmongSmallOnes) {
    std::size_t offset = 0;
    for (const std::size_t count : {16, 4096, 300'000, 16, 70'000, 65'536, 65'552, 500'000, 32, 100'000, 16, 16}) {
        EXPECT_EQ(text_of(extents.read(offset, count)), before.substr(offset, count)) << offset;
        offset += count / 16 * 16;
    }
}

TEST_F(ExtentsTest, SeveralPartsAreReadByTurns) {
    for (std::size_t turn = 0; turn < 100; ++turn) {
        for (const std::size_t part : {0, 1, 2, 3, 4, 5}) {
            const std::size_t offset = part * 64 * step + turn * 1600;
            ASSERT_EQ(text_of(extents.read(offset, 1600)), before.substr(offset, 1600)) << offset;
        }
    }
}

TEST_F(ExtentsTest, OneAloneIsReadAlone) {
    EXPECT_EQ(text_of(extents.read(0, step)), before.substr(0, step));
    EXPECT_EQ(text_of(extents.read(100 * step, step)), before.substr(100 * step, step));
    const std::string after = content(size, 1);
    overwrite(path, after);
    EXPECT_EQ(text_of(extents.read(step, step)), after.substr(step, step));
    EXPECT_EQ(text_of(extents.read(101 * step, step)), after.substr(101 * step, step));
}

TEST_F(ExtentsTest, Anywhere) {
    std::mt19937 random(1);
    for (std::size_t i = 0; i < 3000; ++i) {
        const std::size_t offset = i % 3 == 0 ? random() % (size - 8 * step) / 16 * 16 : i * 64 % (size / 2);
        const std::size_t wanted = 16 + random() % (2 * step);
        ASSERT_EQ(text_of(extents.read(offset, wanted)), before.substr(offset, wanted)) << offset;
    }
}

TEST_F(ExtentsTest, WhatIsAskedForAgainIsReadAgain) {
    for (std::size_t offset = 0; offset < 16 * step; offset += step) {
        (void)extents.read(offset, step);
    }
    EXPECT_EQ(text_of(extents.read(3 * step, step)), before.substr(3 * step, step));
    EXPECT_EQ(text_of(extents.read(2 * step, 40 * step)), before.substr(2 * step, 40 * step));
}

TEST_F(ExtentsTest, AFileThatBecameShorterGivesWhatItHas) {
    EXPECT_EQ(text_of(extents.read(0, 8 * step)), before.substr(0, 8 * step));
    ASSERT_EQ(::truncate(path.c_str(), 9 * step), 0);
    EXPECT_EQ(text_of(extents.read(8 * step, step)), before.substr(8 * step, step));
    EXPECT_THROW((void)extents.read(9 * step, step), Error);
}

TEST_F(ExtentsTest, NothingLiesBeyondTheEnd) {
    EXPECT_EQ(text_of(extents.read(size - 2 * step, step)), before.substr(size - 2 * step, step));
    EXPECT_EQ(text_of(extents.read(size - step, step)), before.substr(size - step));
    EXPECT_THROW((void)extents.read(size - step, 2 * step), Error);
    EXPECT_THROW((void)extents.read(size + step, step), Error);
    EXPECT_EQ(extents.read(size, 0).size(), 0U);
}

}  // namespace
}  // namespace pycds::image
