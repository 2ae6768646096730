#pragma once

// Which bytes of a process go into the payload, and how its areas become mappings: as few as the same bytes and the
// same protections allow, since each mapping costs time when it is restored.

#include "process.hpp"

namespace pycds::snapshot {

struct Plan {
    explicit Plan(Arena& arena) noexcept : mappings(arena), files(arena), paths(arena) {}

    List<MappingRecord> mappings;  // offsets in the payload count from its beginning
    List<FileRecord> files;        // without their paths' places
    List<std::string_view> paths;  // of the files
    std::uint64_t payload_size = 0;
};

// `areas` in order of their addresses, without those that are not to be kept.  `stack_pointer`: what lies on the stack
// below it is not needed.
[[nodiscard]] Plan plan_mappings(const List<Area>& areas, std::uint64_t stack_pointer, Arena& arena) noexcept;

}  // namespace pycds::snapshot
