#include "stamp.hpp"

#include <limits>
#include <sys/stat.h>

namespace pycds::image {

namespace {

constexpr std::int64_t nanoseconds = 1'000'000'000;
constexpr std::int64_t clock_granularity_ns = 50'000'000;
// Of file systems that keep whole seconds, or only even ones (FAT).
constexpr std::int64_t coarse_granularity_ns = 2 * nanoseconds;

}  // namespace

std::int64_t to_nanoseconds(const timespec& time) noexcept {
    std::int64_t ns = 0;
    if (__builtin_mul_overflow(std::int64_t{time.tv_sec}, nanoseconds, &ns) ||
        __builtin_add_overflow(ns, std::int64_t{time.tv_nsec}, &ns)) {
        return time.tv_sec < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
    }
    return ns;
}

std::optional<FileStamp> file_stamp(const char* path) noexcept {
    struct stat status{};
    if (::stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    return FileStamp{to_nanoseconds(status.st_mtim), static_cast<std::uint64_t>(status.st_size)};
}

DirectoryStamp directory_stamp(const std::string& path) noexcept {
    struct stat status{};
    if (::stat(path.empty() ? "." : path.c_str(), &status) != 0) {
        return {};
    }
    if (S_ISDIR(status.st_mode)) {
        return {DirectoryKind::directory, to_nanoseconds(status.st_mtim), 0};
    }
    return {DirectoryKind::file, to_nanoseconds(status.st_mtim), static_cast<std::uint64_t>(status.st_size)};
}

DirectoryStamp stable_directory_stamp(const std::string& path) noexcept {
    DirectoryStamp stamp = directory_stamp(path);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::int64_t granularity = stamp.mtime_ns % nanoseconds == 0 ? coarse_granularity_ns : clock_granularity_ns;
    if (stamp.kind != DirectoryKind::absent && stamp.mtime_ns > to_nanoseconds(now) - granularity) {
        stamp.kind = DirectoryKind::unstable;
    }
    return stamp;
}

}  // namespace pycds::image
