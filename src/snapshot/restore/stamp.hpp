#pragma once

#include "../stamps.hpp"
#include "system.hpp"

namespace pycds::snapshot::restore {

[[nodiscard]] inline FileRecord stamp_of(const struct stat& status) noexcept {
    FileRecord record{};
    record.modified_seconds = static_cast<std::int64_t>(status.st_mtime);
    record.changed_seconds = static_cast<std::int64_t>(status.st_ctime);
    record.modified_nanoseconds = static_cast<std::uint32_t>(status.st_mtime_nsec);
    record.changed_nanoseconds = static_cast<std::uint32_t>(status.st_ctime_nsec);
    record.size = (status.st_mode & kind_bits) == directory_kind ? 0 : static_cast<std::uint64_t>(status.st_size);
    record.inode = status.st_ino;
    record.mode = status.st_mode;
    return record;
}

}  // namespace pycds::snapshot::restore
