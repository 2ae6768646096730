#include "image/trust.hpp"

#include "image/error.hpp"
#include "image/file.hpp"
#include "scratch_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace pycds::image {
namespace {

using test::ScratchDirectory;

constexpr uid_t another_user = 12345;

// Empty where the file is trusted, else what is said.
std::string distrust_of(const std::string& path) {
    const FileDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(descriptor.valid()) << path;
    try {
        check_trust(descriptor.get(), path);
        return {};
    } catch (const Error& error) {
        EXPECT_EQ(error.reason(), Reason::untrusted);
        return error.what();
    }
}

bool says(const std::string& message, std::string_view part) { return message.find(part) != std::string::npos; }

TEST(Trust, OnesOwnFileInOnesOwnDirectory) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("archive", "x");
    for (const mode_t mode : {0600, 0644, 0755, 0444}) {
        ASSERT_EQ(::chmod(path.c_str(), mode), 0);
        EXPECT_EQ(distrust_of(path), "");
    }
}

TEST(Trust, WhatADumpWritesIsTrusted) {
    const ScratchDirectory scratch;
    const mode_t before = ::umask(0);
    replace_file(scratch.path("archive"), std::as_bytes(std::span("x")));
    ::umask(before);
    EXPECT_EQ(distrust_of(scratch.path("archive")), "");
}

TEST(Trust, NotAFileThatOthersMayWrite) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("archive", "x");
    for (const mode_t mode : {0664, 0646, 0666}) {
        ASSERT_EQ(::chmod(path.c_str(), mode), 0);
        EXPECT_TRUE(says(distrust_of(path), "others may write to it"));
    }
}

TEST(Trust, NotInADirectoryWhereOthersMayExchangeIt) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("archive", "x");
    ASSERT_EQ(::chmod(scratch.root().c_str(), 0777), 0);
    EXPECT_TRUE(says(distrust_of(path), "others may write to its directory"));
    ASSERT_EQ(::chmod(scratch.root().c_str(), 01777), 0);
    EXPECT_EQ(distrust_of(path), "") << "the sticky bit keeps others from exchanging it";
}

TEST(Trust, RootsFilesAreTrusted) {
    struct stat status{};
    ASSERT_EQ(::stat("/etc/passwd", &status), 0);
    ASSERT_EQ(status.st_uid, 0U);
    EXPECT_EQ(distrust_of("/etc/passwd"), "");
}

TEST(Trust, NotAnotherUsersFile) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can make a file that belongs to another";
    }
    const ScratchDirectory scratch;
    const std::string path = scratch.write("archive", "x");
    ASSERT_EQ(::chown(path.c_str(), another_user, static_cast<gid_t>(-1)), 0);
    EXPECT_TRUE(says(distrust_of(path), "it belongs to another user"));
}

}  // namespace
}  // namespace pycds::image
