#pragma once

#include "format.hpp"

namespace pycds::snapshot {

inline constexpr unsigned kind_bits = 0170000;
inline constexpr unsigned directory_kind = 0040000;
inline constexpr unsigned regular_kind = 0100000;

[[nodiscard]] constexpr bool is_directory(const FileRecord& record) noexcept {
    return (record.mode & kind_bits) == directory_kind;
}

// Whether what is there now is as it was recorded.
[[nodiscard]] inline bool is_as_recorded(const FileRecord& recorded, const FileRecord& now) noexcept {
    if (is_directory(recorded) && recorded.size == directory_alone) {
        return is_directory(now);
    }
    return recorded.mode == now.mode && recorded.inode == now.inode && recorded.size == now.size &&
           recorded.modified_seconds == now.modified_seconds && recorded.changed_seconds == now.changed_seconds &&
           recorded.modified_nanoseconds == now.modified_nanoseconds &&
           recorded.changed_nanoseconds == now.changed_nanoseconds;
}

}  // namespace pycds::snapshot
