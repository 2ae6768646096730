#pragma once

// For how long what was seen of the file system holds.

#include "../image/stamp.hpp"

#include <cstdint>
#include <ctime>

namespace pycds::serve {

// A program that changes a file or directory between two imports takes longer.
inline constexpr std::int64_t shortest_moment_ns = 25'000;

// Of the __pycache__ of a directory that has long been quiet.
inline constexpr std::int64_t longest_moment_ns = 4'000'000;

// Of directories that belong to the interpreter's installation.
inline constexpr std::int64_t installed_moment_ns = 10'000'000;

inline std::int64_t now_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return image::to_nanoseconds(now);
}

}  // namespace pycds::serve
