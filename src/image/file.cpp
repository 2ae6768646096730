#include "file.hpp"

#include "error.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace pycds::image {

namespace {

// Above what shells and test programs hand out, below the usual soft limit of 1024.
constexpr int preferred_descriptor = 200;

// What read_some returns beside errno's codes.
constexpr int ends_too_early = -1;

// As much is read ahead, in pieces that no kernel cuts short (mm/readahead.c, force_page_cache_ra: what a disk takes at
// once).  A start that needs less of the archive has the disk read what nobody waits for.
constexpr off_t read_ahead = off_t{4} * 1024 * 1024;
constexpr off_t read_ahead_piece = off_t{256} * 1024;

// RWF_NOWAIT of linux/fs.h: only what is in memory (from Linux 4.14 on).
constexpr int only_from_memory = 8;

// By its number: the C library has the function from 2.26 on.  The offset is passed in two halves, of which a 64-bit
// kernel uses the first.
ssize_t read_from_memory(int descriptor, std::uint64_t offset, std::span<std::byte> into) noexcept {
    const iovec piece{into.data(), into.size()};
    return ::syscall(SYS_preadv2, descriptor, &piece, 1, static_cast<long>(offset), 0L, only_from_memory);
}

[[noreturn]] void refuse_open(const std::string& path, int code) {
    if (code == ENOENT || code == ENOTDIR) {
        throw Error(Reason::missing, path + ": no such archive; make it with `pycds dump`");
    }
    throw Error(Reason::unreadable, path + ": cannot be read: " + std::strerror(code));
}

// O_NONBLOCK: opening a FIFO without a writer must not hang.
constexpr int reading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

void read_on(int descriptor, off_t offset) noexcept {
    for (const off_t end = offset + read_ahead; offset < end; offset += read_ahead_piece) {
        ::posix_fadvise(descriptor, offset, read_ahead_piece, POSIX_FADV_WILLNEED);
    }
}

struct Opened {
    FileDescriptor file;                   // invalid: see errno
    std::optional<struct stat> directory;  // in which it was opened, where that can be told
};

struct FreeMemory {
    void operator()(char* text) const noexcept { std::free(text); }
};

// By way of its directory, links resolved, so that what is said of the directory is said of the one that holds this
// very file.
Opened open_in_directory(const std::string& path) {
    const std::unique_ptr<char, FreeMemory> resolved(::realpath(path.c_str(), nullptr));
    if (resolved) {
        const std::string real(resolved.get());
        const auto slash = real.rfind('/');
        const FileDescriptor directory(::open(real.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        struct stat status{};
        if (directory.valid() && ::fstat(directory.get(), &status) == 0) {
            FileDescriptor file(::openat(directory.get(), real.c_str() + slash + 1, reading | O_NOFOLLOW));
            if (file.valid()) {
                return {std::move(file), status};
            }
        }
    }
    // What has no name in a directory (a file in memory, by its link in /proc) can be read, but will not be trusted.
    return {FileDescriptor(::open(path.c_str(), reading)), std::nullopt};
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
        if (number_ >= 0) {
            ::close(number_);
        }
        number_ = std::exchange(other.number_, -1);
    }
    return *this;
}

FileDescriptor::~FileDescriptor() {
    if (number_ >= 0) {
        ::close(number_);
    }
}

InputFile::InputFile(std::string path) : path_(std::move(path)) {
    Opened opened = open_in_directory(path_);
    if (!opened.file.valid() || ::fstat(opened.file.get(), &status_) != 0) {
        refuse_open(path_, errno);
    }
    if (!S_ISREG(status_.st_mode)) {
        throw Error(Reason::not_a_file, path_ + ": not a regular file");
    }
    if (status_.st_size == 0) {
        throw Error(Reason::empty, path_ + ": the file is empty; make it anew with `pycds dump`");
    }
    directory_ = opened.directory;
    size_ = static_cast<std::uint64_t>(status_.st_size);
    take(std::move(opened.file));
}

InputFile::~InputFile() {
    // Whoever closed the number behind our back may have opened something else under it.
    if (descriptor_.valid() && !names_our_file(descriptor_.get())) {
        descriptor_.release();
    }
}

void InputFile::take(FileDescriptor opened) noexcept {
    FileDescriptor moved(::fcntl(opened.get(), F_DUPFD_CLOEXEC, preferred_descriptor));
    descriptor_ = moved.valid() ? std::move(moved) : std::move(opened);
}

bool InputFile::names_our_file(int descriptor) const noexcept {
    struct stat status{};
    return ::fstat(descriptor, &status) == 0 && status.st_dev == status_.st_dev && status.st_ino == status_.st_ino;
}

// As pread does.
ssize_t InputFile::read_piece(std::uint64_t offset, std::span<std::byte> into) noexcept {
    if (tells_what_is_in_memory_) {
        const ssize_t got = read_from_memory(descriptor_.get(), offset, into);
        if (got > 0) {
            return got;
        }
        if (got < 0 && errno == EAGAIN) {
            read_on(descriptor_.get(), static_cast<off_t>(offset));
        } else {
            tells_what_is_in_memory_ = false;  // not this kernel or file system, not in this sandbox
        }
    }
    return ::pread(descriptor_.get(), into.data(), into.size(), static_cast<off_t>(offset));
}

int InputFile::read_some(std::uint64_t offset, std::span<std::byte> into) noexcept {
    while (!into.empty()) {
        const ssize_t got = read_piece(offset, into);
        if (got == 0) {
            return ends_too_early;
        }
        if (got > 0) {
            offset += static_cast<std::uint64_t>(got);
            into = into.subspan(static_cast<std::size_t>(got));
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

bool InputFile::reopen() noexcept {
    FileDescriptor opened(::open(path_.c_str(), reading));
    if (!opened.valid() || !names_our_file(opened.get())) {
        return false;
    }
    descriptor_.release();  // closed already, or another file's number by now
    take(std::move(opened));
    return true;
}

void InputFile::check_bounds(std::uint64_t offset, std::uint64_t size) const {
    if (offset > size_ || size > size_ - offset) {
        throw Error(Reason::damaged, path_ + ": a part lies beyond the end of the file");
    }
}

void InputFile::read(std::uint64_t offset, std::span<std::byte> into) {
    check_bounds(offset, into.size());
    int code = read_some(offset, into);
    if (code == 0) {
        return;
    }
    // Closed behind our back, or by now the number of something else.
    if (!names_our_file(descriptor_.get()) && reopen()) {
        code = read_some(offset, into);
    }
    if (code == 0) {
        return;
    }
    if (code == ends_too_early) {
        throw Error(Reason::truncated, path_ + ": the file ends too early; it was truncated while in use");
    }
    throw Error(Reason::unreadable, path_ + ": cannot be read: " + std::strerror(code));
}

}  // namespace pycds::image
