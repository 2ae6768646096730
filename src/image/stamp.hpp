#pragma once

// What tells whether a file or directory is still as it was: its modification time and size.  Device and inode are
// left out, for they differ between layers of an overlay and between copies of an image.

#include "format.hpp"

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

namespace pycds::image {

struct FileStamp {
    std::int64_t mtime_ns = 0;
    std::uint64_t size = 0;
    friend bool operator==(const FileStamp&, const FileStamp&) noexcept = default;
};

// Some file systems store times that nanoseconds cannot hold; such a time is cut off, and so still equal to itself.
[[nodiscard]] std::int64_t to_nanoseconds(const timespec& time) noexcept;

// Of a regular file; nullopt where there is none.
[[nodiscard]] std::optional<FileStamp> file_stamp(const char* path) noexcept;

struct DirectoryStamp {
    DirectoryKind kind = DirectoryKind::absent;
    std::int64_t mtime_ns = 0;
    std::uint64_t size = 0;  // of a file, otherwise 0
    friend bool operator==(const DirectoryStamp&, const DirectoryStamp&) noexcept = default;
};

// Of whatever an entry of a module search path names; "" is the working directory.
[[nodiscard]] DirectoryStamp directory_stamp(const std::string& path) noexcept;

// The same for recording.  A time stamp so young that a further change could leave it as it is (the kernel's clock
// ticks every few milliseconds) proves nothing and becomes `unstable`.
[[nodiscard]] DirectoryStamp stable_directory_stamp(const std::string& path) noexcept;

}  // namespace pycds::image
