#pragma once

// Stamps of files and directories: times and size.  Device and inode are left out, for they differ between layers of an
// overlay and between copies of an image.
//
// The modification time can be set back; the time of the last status change (ctime) cannot.  So the three together
// prove that nothing has changed since, and where the ctime alone differs (a copy, another layer) the content decides.

#include "format.hpp"

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

namespace pycds::image {

// Some file systems store times that nanoseconds cannot hold; such a time is cut off, and so still equal to itself.
[[nodiscard]] std::int64_t to_nanoseconds(const timespec& time) noexcept;

// Of a regular file; nullopt where there is none.
[[nodiscard]] std::optional<FileStamp> file_stamp(const char* path) noexcept;

struct DirectoryStamp {
    DirectoryKind kind = DirectoryKind::absent;
    FileStamp stamp;
    friend bool operator==(const DirectoryStamp&, const DirectoryStamp&) noexcept = default;
};

// Of whatever an entry of a module search path names; "" is the working directory.  `unstable` where the operating
// system cannot tell.
[[nodiscard]] DirectoryStamp directory_stamp(const std::string& path) noexcept;

// The same for recording.  A time so young that a further change could leave it as it is (the kernel's clock ticks
// every few milliseconds) proves nothing, and the kind becomes `unstable`.
[[nodiscard]] DirectoryStamp stable_directory_stamp(const std::string& path) noexcept;

}  // namespace pycds::image
