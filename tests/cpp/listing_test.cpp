#include "image/content.hpp"
#include "image/listing.hpp"

#include "image/checksum.hpp"
#include "scratch_directory.hpp"

#include <gtest/gtest.h>
#include <span>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace pycds::image {
namespace {

using test::ScratchDirectory;

std::vector<std::string> names_in(const ScratchDirectory& scratch) {
    std::vector<std::string> names;
    const auto listing = Listing::of(scratch.root());
    for (const ListedName& item : listing->names()) {
        names.push_back(item.name);
        if (item.kind != ListedName::Kind::file) {
            names.back() += static_cast<char>(item.kind);
        }
        names.back() += item.is_link ? "@" : "";
    }
    return names;
}

void make_directory(const ScratchDirectory& scratch, const std::string& name) {
    ASSERT_EQ(::mkdir(scratch.path(name).c_str(), 0755), 0);
}

TEST(Listing, HasWhatCanBeAModuleAndNothingElse) {
    const ScratchDirectory scratch;
    for (const char* file : {"b.py", "a.pyc", "c.abi3.so", "readme.txt", "b.pyi", "data", ".hidden"}) {
        scratch.write(file, "");
    }
    for (const char* directory : {"package", "__pycache__", "some-1.0.dist-info", "odd.py"}) {
        make_directory(scratch, directory);
    }
    EXPECT_EQ(names_in(scratch), (std::vector<std::string>{"a.pyc", "b.py", "c.abi3.so", "package/"}));
}

TEST(Listing, FollowsLinksAndTellsThem) {
    const ScratchDirectory scratch;
    make_directory(scratch, "real");
    ASSERT_EQ(::symlink("real", scratch.path("linked").c_str()), 0);
    ASSERT_EQ(::symlink("nowhere", scratch.path("dangling").c_str()), 0);
    ASSERT_EQ(::symlink("nowhere", scratch.path("lost.py").c_str()), 0);
    EXPECT_EQ(names_in(scratch), (std::vector<std::string>{"dangling?@", "linked/@", "lost.py?@", "real/"}));
}

TEST(Listing, DigestIsOfTheNamesAndKindsAlone) {
    const ScratchDirectory one;
    const ScratchDirectory other;
    for (const ScratchDirectory* scratch : {&one, &other}) {
        scratch->write("module.py", "");
        make_directory(*scratch, "package");
    }
    other.write("module.py", "another content");
    other.write("notes.txt", "");
    EXPECT_EQ(Listing::of(one.root())->digest(), Listing::of(other.root())->digest());
    other.write("more.py", "");
    EXPECT_NE(Listing::of(one.root())->digest(), Listing::of(other.root())->digest());
}

TEST(Listing, DigestTellsADirectoryFromAFile) {
    const ScratchDirectory one;
    const ScratchDirectory other;
    make_directory(one, "name");
    ASSERT_EQ(::symlink("nowhere", other.path("name").c_str()), 0);
    EXPECT_NE(Listing::of(one.root())->digest(), Listing::of(other.root())->digest());
}

TEST(Listing, DigestTellsAFileFromALinkToNowhere) {
    const ScratchDirectory one;
    const ScratchDirectory other;
    one.write("module.py", "");
    ASSERT_EQ(::symlink("nowhere", other.path("module.py").c_str()), 0);
    EXPECT_NE(Listing::of(one.root())->digest(), Listing::of(other.root())->digest());
    other.write("nowhere", "");
    EXPECT_EQ(Listing::of(one.root())->digest(), Listing::of(other.root())->digest());
}

TEST(Listing, OfNoDirectory) {
    const ScratchDirectory scratch;
    EXPECT_FALSE(Listing::of(scratch.path("missing")));
    EXPECT_FALSE(Listing::of(scratch.write("file", "")));
}

TEST(Listing, MayHold) {
    const ScratchDirectory scratch;
    for (const char* file : {"a.py", "json.abi3.so", "jsonish.py", "z.pyc"}) {
        scratch.write(file, "");
    }
    make_directory(scratch, "package");
    const auto listing = Listing::of(scratch.root());
    for (const char* stem : {"a", "json", "jsonish", "z", "package"}) {
        EXPECT_TRUE(listing->may_hold(stem)) << stem;
    }
    for (const char* stem : {"", "b", "js", "jsoni", "pack", "package2", "zz"}) {
        EXPECT_FALSE(listing->may_hold(stem)) << stem;
    }
}

TEST(Content, IsTheChecksumOfAllOfIt) {
    const ScratchDirectory scratch;
    const std::string text(100'000, 'x');
    const std::string path = scratch.write("module.py", text);
    EXPECT_EQ(content_of(path), checksum(std::as_bytes(std::span(text))));
    EXPECT_EQ(content_of(scratch.write("empty.py", "")), checksum({}));
}

TEST(Content, NothingButFilesHasOne) {
    const ScratchDirectory scratch;
    ASSERT_EQ(::mkfifo(scratch.path("fifo").c_str(), 0600), 0);
    EXPECT_FALSE(content_of(scratch.path("missing")));
    EXPECT_FALSE(content_of(scratch.root()));
    EXPECT_FALSE(content_of(scratch.path("fifo")));
}

}  // namespace
}  // namespace pycds::image
