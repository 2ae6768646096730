#pragma once

#include "outcome.hpp"
#include "stamps.hpp"

#include <string_view>
#include <sys/stat.h>

namespace pycds::snapshot {

[[nodiscard]] inline FileRecord stamp_of(const struct stat& status) noexcept {
    FileRecord record{};
    record.modified_seconds = status.st_mtim.tv_sec;
    record.changed_seconds = status.st_ctim.tv_sec;
    record.modified_nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
    record.changed_nanoseconds = static_cast<std::uint32_t>(status.st_ctim.tv_nsec);
    record.size = S_ISDIR(status.st_mode) ? 0 : static_cast<std::uint64_t>(status.st_size);
    record.inode = status.st_ino;
    record.mode = status.st_mode;
    return record;
}

// Of what there is of this name; zeros where there is nothing.  Without the path's place.
[[nodiscard]] inline FileRecord stamp_of(std::string_view path) noexcept {
    char text[4096] = {};
    if (path.size() >= sizeof text) {
        refuse({"the name of a file is too long (", path, ")"});
    }
    path.copy(text, path.size());
    struct stat status{};
    return ::stat(text, &status) == 0 ? stamp_of(status) : FileRecord{};
}

}  // namespace pycds::snapshot
