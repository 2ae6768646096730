#pragma once

#include "trust.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <sys/stat.h>
#include <utility>

namespace pycds::image {

class FileDescriptor {
  public:
    FileDescriptor() noexcept = default;
    explicit FileDescriptor(int number) noexcept : number_(number) {}
    FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor();

    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] bool valid() const noexcept { return number_ >= 0; }

    // Gives the number up without closing it.
    int release() noexcept { return std::exchange(number_, -1); }

  private:
    int number_ = -1;
};

// An archive file opened for reading.  The descriptor stays open (close-on-exec, and moved away from the low numbers
// that programs expect to be free) because pieces are read when they are needed: a file that is truncated under us
// then yields a short read, where a mapping would raise SIGBUS.  A program that closes every descriptor at start (a
// daemon does) is met by opening the path again, if it still names the same file.
//
// Parts are asked for in about the order in which they lie in the file.  Where one is not in memory, the system is told
// to read on from there, so that a disk is busy with the next parts while the first are linked and executed.
class InputFile {
  public:
    // Throws Error(missing, unreadable, not_a_file, empty).
    explicit InputFile(std::string path);
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;
    ~InputFile();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    // Throws Error(untrusted); see trust.hpp.
    void check_trust() const { image::check_trust(status_, directory_, path_); }

    // Throws Error(damaged) where these bytes are not within the file as it was when it was opened.
    void check_bounds(std::uint64_t offset, std::uint64_t size) const;
    // Fills `into` from `offset`.  Throws Error(damaged, truncated, unreadable).
    void read(std::uint64_t offset, std::span<std::byte> into);

  private:
    // 0, an errno, or -1 where the file ends first.
    [[nodiscard]] int read_some(std::uint64_t offset, std::span<std::byte> into) noexcept;
    [[nodiscard]] ssize_t read_piece(std::uint64_t offset, std::span<std::byte> into) noexcept;
    [[nodiscard]] bool names_our_file(int descriptor) const noexcept;
    [[nodiscard]] bool reopen() noexcept;
    void take(FileDescriptor opened) noexcept;

    std::string path_;
    FileDescriptor descriptor_;
    struct stat status_{};
    std::optional<struct stat> directory_;  // in which it was opened
    std::uint64_t size_ = 0;
    bool tells_what_is_in_memory_ = true;  // the file system does
};

}  // namespace pycds::image
