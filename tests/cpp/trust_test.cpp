#include "image/trust.hpp"

#include "image/error.hpp"
#include "image/file.hpp"
#include "image/replace.hpp"
#include "scratch_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <ios>
#include <span>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pycds::image {
namespace {

using test::ScratchDirectory;

constexpr uid_t another_user = 12345;

// Empty where the file is trusted, else what is said.
std::string distrust_of(const std::string& path) {
    const InputFile file(path);
    try {
        file.check_trust();
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
    for (const mode_t mode : {0777, 0775, 0757, 01777}) {
        ASSERT_EQ(::chmod(scratch.root().c_str(), mode), 0);
        EXPECT_TRUE(says(distrust_of(path), "others may write to its directory")) << std::oct << mode;
    }
}

TEST(Trust, TheDirectoryOfALinkIsThatOfItsTarget) {
    const ScratchDirectory scratch;
    const ScratchDirectory open_to_all;
    ASSERT_EQ(::chmod(open_to_all.root().c_str(), 0777), 0);
    const std::string kept = scratch.write("archive", "x");
    const std::string exposed = open_to_all.write("archive", "x");
    ASSERT_EQ(::chmod(exposed.c_str(), 0644), 0);
    ASSERT_EQ(::symlink(exposed.c_str(), scratch.path("link").c_str()), 0);
    ASSERT_EQ(::symlink(kept.c_str(), open_to_all.path("link").c_str()), 0);
    EXPECT_TRUE(says(distrust_of(scratch.path("link")), "others may write to its directory"));
    EXPECT_EQ(distrust_of(open_to_all.path("link")), "");
}

TEST(Trust, NotAFileWithoutADirectory) {
    const FileDescriptor memory(::memfd_create("archive", MFD_CLOEXEC));
    ASSERT_EQ(::write(memory.get(), "x", 1), 1);
    ASSERT_EQ(::fchmod(memory.get(), 0600), 0);
    EXPECT_TRUE(says(distrust_of("/proc/self/fd/" + std::to_string(memory.get())), "it lies in no directory"));
}

TEST(Trust, NotInAnotherUsersDirectory) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can make a directory that belongs to another";
    }
    const ScratchDirectory scratch;
    const std::string path = scratch.write("archive", "x");
    ASSERT_EQ(::chown(scratch.root().c_str(), another_user, static_cast<gid_t>(-1)), 0);
    EXPECT_TRUE(says(distrust_of(path), "its directory belongs to another user"));
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
