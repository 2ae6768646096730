#include "image/file.hpp"
#include "image/replace.hpp"

#include "image/error.hpp"
#include "scratch_directory.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace pycds::image {
namespace {

using test::ScratchDirectory;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string read_all(InputFile& file, std::uint64_t offset, std::size_t size) {
    std::string text(size, '\0');
    file.read(offset, std::as_writable_bytes(std::span(text)));
    return text;
}

template <typename Action>
Reason reason_of(Action&& action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "one line";
        return error.reason();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Reason::unsupported;
}

template <typename Action>
int errno_of(Action&& action) {
    try {
        action();
    } catch (const std::system_error& error) {
        return error.code().value();
    }
    ADD_FAILURE() << "nothing was thrown";
    return 0;
}

// The descriptors of this process that show `path`.
std::vector<int> descriptors_of(const std::string& path) {
    struct stat wanted{};
    EXPECT_EQ(::stat(path.c_str(), &wanted), 0);
    std::vector<int> found;
    for (int number = 0; number < 1024; ++number) {
        struct stat status{};
        if (::fstat(number, &status) == 0 && status.st_dev == wanted.st_dev && status.st_ino == wanted.st_ino) {
            found.push_back(number);
        }
    }
    return found;
}

TEST(InputFile, ReadsWhatIsThere) {
    const ScratchDirectory scratch;
    InputFile file(scratch.write("archive", "0123456789"));
    EXPECT_EQ(file.size(), 10U);
    EXPECT_EQ(read_all(file, 0, 10), "0123456789");
    EXPECT_EQ(read_all(file, 3, 4), "3456");
    EXPECT_EQ(read_all(file, 10, 0), "");
}

TEST(InputFile, ReadsWhatIsNotInMemory) {
    const ScratchDirectory scratch;
    constexpr std::size_t size = std::size_t{6} * 1024 * 1024;
    const std::string path = scratch.write("archive", std::string(size, 'x'));
    InputFile file(path);
    const FileDescriptor another(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::fsync(another.get()), 0);
    ASSERT_EQ(::posix_fadvise(another.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    EXPECT_EQ(read_all(file, size - 3, 3), "xxx");  // what is read ahead goes beyond the end
    EXPECT_EQ(read_all(file, 0, size), std::string(size, 'x'));
}

TEST(InputFile, RefusesWhatIsNoFile) {
    const ScratchDirectory scratch;
    ASSERT_EQ(::mkfifo(scratch.path("fifo").c_str(), 0600), 0);
    const std::string file = scratch.write("file", "x");
    EXPECT_EQ(reason_of([&] { InputFile(scratch.path("missing")); }), Reason::missing);
    EXPECT_EQ(reason_of([&] { InputFile(file + "/archive"); }), Reason::missing);
    EXPECT_EQ(reason_of([&] { InputFile(scratch.root()); }), Reason::not_a_file);
    EXPECT_EQ(reason_of([&] { InputFile(scratch.path("fifo")); }), Reason::not_a_file);
    EXPECT_EQ(reason_of([&] { InputFile("/dev/null"); }), Reason::not_a_file);
    EXPECT_EQ(reason_of([&] { InputFile(scratch.write("empty", "")); }), Reason::empty);
}

TEST(InputFile, RefusesWhatMayNotBeRead) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("archive", "x");
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);
    // Root may read everything, so it is nobody for a moment.
    const bool is_root = ::geteuid() == 0;
    ASSERT_TRUE(!is_root || ::seteuid(65534) == 0);
    const Reason reason = reason_of([&] { InputFile file(path); });
    ASSERT_TRUE(!is_root || ::seteuid(0) == 0);
    EXPECT_EQ(reason, Reason::unreadable);
}

TEST(InputFile, RefusesToReadBeyondTheEnd) {
    const ScratchDirectory scratch;
    InputFile file(scratch.write("archive", "0123456789"));
    EXPECT_EQ(reason_of([&] { read_all(file, 5, 6); }), Reason::damaged);
    EXPECT_EQ(reason_of([&] { read_all(file, 11, 0); }), Reason::damaged);
    EXPECT_EQ(reason_of([&] { read_all(file, UINT64_MAX, 2); }), Reason::damaged);
}

TEST(InputFile, LeavesTheLowNumbersAlone) {
    const ScratchDirectory scratch;
    const InputFile file(scratch.write("archive", "x"));
    const auto numbers = descriptors_of(file.path());
    ASSERT_EQ(numbers.size(), 1U);
    EXPECT_GE(numbers[0], 200);
    EXPECT_NE(::fcntl(numbers[0], F_GETFD) & FD_CLOEXEC, 0);
}

TEST(InputFile, ATruncatedFileIsAnError) {
    const ScratchDirectory scratch;
    InputFile file(scratch.write("archive", "0123456789"));
    ASSERT_EQ(::truncate(file.path().c_str(), 4), 0);
    EXPECT_EQ(read_all(file, 0, 4), "0123");
    EXPECT_EQ(reason_of([&] { read_all(file, 0, 5); }), Reason::truncated);
}

TEST(InputFile, ATruncatedFileIsClosedAllTheSame) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("archive", "0123456789");
    {
        const InputFile file(path);
        ASSERT_EQ(::truncate(path.c_str(), 4), 0);
    }
    EXPECT_TRUE(descriptors_of(path).empty());
}

TEST(InputFile, IsOpenedAnewWhenItsDescriptorWasClosed) {
    const ScratchDirectory scratch;
    InputFile file(scratch.write("archive", "0123456789"));
    for (const int number : descriptors_of(file.path())) {
        ::close(number);
    }
    EXPECT_EQ(read_all(file, 2, 3), "234");
    EXPECT_EQ(descriptors_of(file.path()).size(), 1U);
}

TEST(InputFile, AFileThatTookItsNameIsNotRead) {
    const ScratchDirectory scratch;
    InputFile file(scratch.write("archive", "0123456789"));
    for (const int number : descriptors_of(file.path())) {
        ::close(number);
    }
    const std::string other = scratch.write("other", "abcdefghij");
    ASSERT_EQ(::rename(other.c_str(), file.path().c_str()), 0);
    EXPECT_EQ(reason_of([&] { read_all(file, 2, 3); }), Reason::unreadable);
}

TEST(InputFile, ANumberThatBecameAnotherFilesIsLeftToIt) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("archive", "0123456789");
    const std::string other = scratch.write("other", "x");
    int number = -1;
    {
        InputFile file(path);
        number = descriptors_of(path).at(0);
        const FileDescriptor opened(::open(other.c_str(), O_RDONLY | O_CLOEXEC));
        ASSERT_EQ(::dup2(opened.get(), number), number);
        // Too short for what is asked: that it is another file is noticed, and ours is opened again.
        EXPECT_EQ(read_all(file, 2, 3), "234");
    }
    EXPECT_EQ(descriptors_of(other), std::vector<int>{number});
    EXPECT_TRUE(descriptors_of(path).empty());
    ::close(number);
}

TEST(InputFile, ANumberThatBecameAPipesIsLeftToIt) {
    const ScratchDirectory scratch;
    InputFile file(scratch.write("archive", "0123456789"));
    const int number = descriptors_of(file.path()).at(0);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::dup2(ends[0], number), number);
    EXPECT_EQ(read_all(file, 2, 3), "234");
    EXPECT_NE(::fcntl(number, F_GETFD), -1);
    for (const int end : {ends[0], ends[1], number}) {
        ::close(end);
    }
}

// --- replace_file -------------------------------------------------------------------------------------

TEST(ReplaceFile, MakesAndReplaces) {
    const ScratchDirectory scratch;
    replace_file(scratch.path("archive"), bytes_of("one"));
    EXPECT_EQ(scratch.read("archive"), "one");
    replace_file(scratch.path("archive"), bytes_of("two"));
    EXPECT_EQ(scratch.read("archive"), "two");
    EXPECT_EQ(scratch.entries(), 1U);
}

TEST(ReplaceFile, InTheWorkingDirectory) {
    const ScratchDirectory scratch;
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(scratch.root());
    replace_file("archive", bytes_of("one"));
    std::filesystem::current_path(before);
    EXPECT_EQ(scratch.read("archive"), "one");
}

TEST(ReplaceFile, IsReadableAsTheUmaskSaysAndWritableByNobodyElse) {
    const ScratchDirectory scratch;
    for (const auto& [mask, expected] : {std::pair<mode_t, mode_t>{0, 0644}, {027, 0640}, {077, 0600}}) {
        const mode_t before = ::umask(mask);
        replace_file(scratch.path("archive"), bytes_of("x"));
        ::umask(before);
        struct stat status{};
        ASSERT_EQ(::stat(scratch.path("archive").c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777, expected);
    }
}

TEST(ReplaceFile, WhoHasTheOldFileKeepsIt) {
    const ScratchDirectory scratch;
    InputFile file(scratch.write("archive", "old"));
    replace_file(scratch.path("archive"), bytes_of("new"));
    EXPECT_EQ(read_all(file, 0, 3), "old");
}

TEST(ReplaceFile, ADirectoryStaysAndNothingIsLeftBehind) {
    const ScratchDirectory scratch;
    std::filesystem::create_directory(scratch.path("archive"));
    EXPECT_EQ(errno_of([&] { replace_file(scratch.path("archive"), bytes_of("x")); }), EISDIR);
    EXPECT_TRUE(std::filesystem::is_directory(scratch.path("archive")));
    EXPECT_EQ(scratch.entries(), 1U);
}

TEST(ReplaceFile, AFifoStays) {
    const ScratchDirectory scratch;
    ASSERT_EQ(::mkfifo(scratch.path("archive").c_str(), 0600), 0);
    EXPECT_EQ(errno_of([&] { replace_file(scratch.path("archive"), bytes_of("x")); }), EEXIST);
    EXPECT_TRUE(std::filesystem::is_fifo(scratch.path("archive")));
    EXPECT_EQ(scratch.entries(), 1U);
}

TEST(ReplaceFile, NoSuchDirectory) {
    const ScratchDirectory scratch;
    EXPECT_EQ(errno_of([&] { replace_file(scratch.path("missing/archive"), bytes_of("x")); }), ENOENT);
}

// A full device: the limit on the size of files makes write() fail in the middle.
TEST(ReplaceFileDeathTest, AFailedWriteLeavesTheTargetAsItWas) {
    const ScratchDirectory scratch;
    scratch.write("archive", "old");
    const auto write_too_much = [&] {
        const rlimit limit{1000, 1000};
        ::signal(SIGXFSZ, SIG_IGN);
        ::setrlimit(RLIMIT_FSIZE, &limit);
        const int code = errno_of([&] { replace_file(scratch.path("archive"), bytes_of(std::string(5000, 'x'))); });
        std::_Exit(code == EFBIG && scratch.read("archive") == "old" && scratch.entries() == 1 ? 0 : 1);
    };
    EXPECT_EXIT(write_too_much(), testing::ExitedWithCode(0), "");
}

TEST(ReplaceFile, RemovesWhatKilledProcessesHaveLeft) {
    const ScratchDirectory scratch;
    const std::string target = scratch.path("archive");
    const std::string abandoned = scratch.write("archive.99-1.tmp", "half");
    const std::string of_another = scratch.write("other.99-1.tmp", "half");
    const std::string no_temporary = scratch.write("archive.old.tmp", "kept");
    const std::string in_use = scratch.write("archive.99-2.tmp", "half");
    const FileDescriptor user(::open(in_use.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::flock(user.get(), LOCK_EX | LOCK_NB), 0);
    replace_file(target, std::as_bytes(std::span("x")));
    EXPECT_EQ(::access(abandoned.c_str(), F_OK), -1);
    for (const std::string& path : {target, of_another, no_temporary, in_use}) {
        EXPECT_EQ(::access(path.c_str(), F_OK), 0) << path;
    }
}

}  // namespace
}  // namespace pycds::image
