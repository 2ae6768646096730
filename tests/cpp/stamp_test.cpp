#include "image/stamp.hpp"

#include "scratch_directory.hpp"

#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace pycds::image {
namespace {

using test::ScratchDirectory;

constexpr std::int64_t second = 1'000'000'000;

void set_mtime(const std::string& path, std::int64_t seconds, long nanoseconds) {
    const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

std::int64_t now_seconds() { return std::time(nullptr); }

TEST(FileStamp, IsTimesAndSize) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("module.py", "pass\n");
    set_mtime(path, 1'600'000'000, 123'456'789);
    const auto stamp = file_stamp(path.c_str());
    ASSERT_TRUE(stamp);
    EXPECT_EQ(stamp->mtime_ns, 1'600'000'000 * second + 123'456'789);
    EXPECT_EQ(stamp->size, 5U);
    EXPECT_GT(stamp->ctime_ns, (now_seconds() - 60) * second);
}

TEST(FileStamp, TellsOfATimeThatWasSetBack) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("module.py", "V = 1\n");
    set_mtime(path, 1'600'000'000, 0);
    const auto before = file_stamp(path.c_str());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    scratch.write("module.py", "V = 2\n");
    set_mtime(path, 1'600'000'000, 0);
    const auto after = file_stamp(path.c_str());
    EXPECT_EQ(after->mtime_ns, before->mtime_ns);
    EXPECT_EQ(after->size, before->size);
    EXPECT_NE(after, before);
}

TEST(FileStamp, OfTimesBefore1970) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("module.py", "");
    set_mtime(path, -2, 500'000'000);
    EXPECT_EQ(file_stamp(path.c_str())->mtime_ns, -2 * second + 500'000'000);
}

TEST(FileStamp, FollowsLinks) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("module.py", "x");
    ASSERT_EQ(::symlink(path.c_str(), scratch.path("link.py").c_str()), 0);
    EXPECT_EQ(file_stamp(scratch.path("link.py").c_str()), file_stamp(path.c_str()));
}

TEST(FileStamp, NothingElseHasOne) {
    const ScratchDirectory scratch;
    ASSERT_EQ(::mkfifo(scratch.path("fifo").c_str(), 0600), 0);
    EXPECT_EQ(file_stamp(scratch.path("missing").c_str()), std::nullopt);
    EXPECT_EQ(file_stamp(scratch.root().c_str()), std::nullopt);
    EXPECT_EQ(file_stamp(scratch.path("fifo").c_str()), std::nullopt);
}

TEST(DirectoryStamp, OfADirectoryHasNoSize) {
    const ScratchDirectory scratch;
    set_mtime(scratch.root(), 1'600'000'000, 1);
    const DirectoryStamp stamp = directory_stamp(scratch.root());
    EXPECT_EQ(stamp.kind, DirectoryKind::directory);
    EXPECT_EQ(stamp.stamp.mtime_ns, 1'600'000'000 * second + 1);
    EXPECT_EQ(stamp.stamp.size, 0U);
}

TEST(DirectoryStamp, ChangesWhenANameIsAdded) {
    const ScratchDirectory scratch;
    set_mtime(scratch.root(), 1'600'000'000, 1);
    const DirectoryStamp before = directory_stamp(scratch.root());
    scratch.write("new.py", "");
    EXPECT_NE(directory_stamp(scratch.root()), before);
}

TEST(DirectoryStamp, OfAFileHasASize) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("library.zip", "1234");
    set_mtime(path, 1'600'000'000, 1);
    const DirectoryStamp stamp = directory_stamp(path);
    EXPECT_EQ(stamp.kind, DirectoryKind::file);
    EXPECT_EQ(stamp.stamp.mtime_ns, 1'600'000'000 * second + 1);
    EXPECT_EQ(stamp.stamp.size, 4U);
}

TEST(DirectoryStamp, OfNothingIsAbsent) {
    const ScratchDirectory scratch;
    EXPECT_EQ(directory_stamp(scratch.path("missing")), DirectoryStamp{});
    EXPECT_EQ(DirectoryStamp{}.kind, DirectoryKind::absent);
    EXPECT_EQ(stable_directory_stamp(scratch.path("missing")).kind, DirectoryKind::absent);
}

TEST(DirectoryStamp, OfWhatLiesBelowAFileSaysNothing) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("library.zip", "1234");
    EXPECT_EQ(directory_stamp(path + "/inside").kind, DirectoryKind::unstable);
    EXPECT_EQ(stable_directory_stamp(path + "/inside").kind, DirectoryKind::unstable);
}

TEST(DirectoryStamp, EmptyNameIsTheWorkingDirectory) { EXPECT_EQ(directory_stamp(""), directory_stamp(".")); }

// Nothing sets a ctime: it ages by itself.
void let_age() { std::this_thread::sleep_for(std::chrono::milliseconds(60)); }

TEST(StableStamp, OfAnOldDirectoryIsItsStamp) {
    const ScratchDirectory scratch;
    set_mtime(scratch.root(), 1'600'000'000, 1);
    let_age();
    EXPECT_EQ(stable_directory_stamp(scratch.root()), directory_stamp(scratch.root()));
}

TEST(StableStamp, OfWhatWasTouchedJustNowProvesNothing) {
    const ScratchDirectory scratch;
    set_mtime(scratch.root(), 1'600'000'000, 1);
    EXPECT_EQ(stable_directory_stamp(scratch.root()).kind, DirectoryKind::unstable);
}

TEST(StableStamp, OfTheFutureProvesNothing) {
    const ScratchDirectory scratch;
    set_mtime(scratch.root(), now_seconds() + 3600, 1);
    EXPECT_EQ(stable_directory_stamp(scratch.root()).kind, DirectoryKind::unstable);
}

TEST(StableStamp, UnstableIsNeverEqualToALaterStamp) {
    const ScratchDirectory scratch;
    set_mtime(scratch.root(), now_seconds() + 3600, 1);
    const DirectoryStamp recorded = stable_directory_stamp(scratch.root());
    EXPECT_NE(recorded, directory_stamp(scratch.root()));
}

TEST(StableStamp, OfAnOldWholeSecondIsStable) {
    const ScratchDirectory scratch;
    set_mtime(scratch.root(), now_seconds() - 3600, 0);
    let_age();
    EXPECT_EQ(stable_directory_stamp(scratch.root()).kind, DirectoryKind::directory);
}

TEST(Nanoseconds, TimesBeyondThemAreCutOff) {
    constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();
    EXPECT_EQ(to_nanoseconds({largest / second, largest % second}), largest);
    EXPECT_EQ(to_nanoseconds({largest / second, largest % second + 1}), largest);
    EXPECT_EQ(to_nanoseconds({largest / second + 1, 0}), largest);
    EXPECT_EQ(to_nanoseconds({largest, 999'999'999}), largest);
    EXPECT_EQ(to_nanoseconds({smallest / second - 1, 0}), smallest);
    EXPECT_EQ(to_nanoseconds({-1, 999'999'999}), -1);
}

}  // namespace
}  // namespace pycds::image
