#pragma once

// What a process is, as the kernel tells it.

#include "arena.hpp"
#include "format.hpp"

#include <string_view>

namespace pycds::snapshot {

// One line of /proc/self/maps, and the flags of the same area in smaps.
struct Area {
    std::uint64_t begin;
    std::uint64_t end;
    std::uint64_t offset;
    std::uint64_t inode;
    std::uint16_t protection;
    bool shared;
    bool has_protection_key;
    std::string_view path;   // or "[heap]" and the like; empty for most anonymous memory
    std::string_view flags;  // two letters each, a blank behind each

    [[nodiscard]] bool has_flag(std::string_view flag) const noexcept;
    [[nodiscard]] bool is_file() const noexcept { return path.starts_with('/'); }
    // Of those that the kernel maps by itself.
    [[nodiscard]] bool is_special() const noexcept { return path.starts_with("[v"); }
};

// A whole file of /proc; empty where it cannot be read.
[[nodiscard]] std::string_view read_whole(const char* path, Arena& arena) noexcept;

[[nodiscard]] List<Area> memory_areas(Arena& arena) noexcept;

// Of the calling thread, without its registers.
[[nodiscard]] ThreadRecord thread_state() noexcept;
[[nodiscard]] LayoutRecord memory_layout(Arena& arena) noexcept;
[[nodiscard]] MachineRecord machine_identity(std::string_view vdso) noexcept;

// What a program may change of its process and a restored one would not have: rights, limits, working directory,
// umask, ignored and blocked signals, one a line.
[[nodiscard]] std::string_view process_attributes(Arena& arena) noexcept;

}  // namespace pycds::snapshot
