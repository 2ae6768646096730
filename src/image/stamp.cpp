#include "stamp.hpp"

#include <cerrno>
#include <limits>
#include <sys/stat.h>

namespace pycds::image {

namespace {

constexpr std::int64_t nanoseconds = 1'000'000'000;
constexpr std::int64_t clock_granularity_ns = 50'000'000;
// Of file systems that keep whole seconds, or only even ones (FAT).
constexpr std::int64_t coarse_granularity_ns = 2 * nanoseconds;

FileStamp stamp_of(const struct stat& status, bool with_size) noexcept {
    return {to_nanoseconds(status.st_mtim), to_nanoseconds(status.st_ctim),
            with_size ? static_cast<std::uint64_t>(status.st_size) : 0};
}

// Whether a change right now could leave a time as it is.
bool may_tick_once_more(std::int64_t time_ns, std::int64_t now_ns) noexcept {
    const std::int64_t granularity = time_ns % nanoseconds == 0 ? coarse_granularity_ns : clock_granularity_ns;
    return time_ns > now_ns - granularity;
}

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
    return stamp_of(status, true);
}

DirectoryStamp directory_stamp(const std::string& path) noexcept {
    struct stat status{};
    if (::stat(path.empty() ? "." : path.c_str(), &status) != 0) {
        // Below a file (a directory within a zip file), or out of reach: that it is not there is not said.
        return {errno == ENOENT ? DirectoryKind::absent : DirectoryKind::unstable, {}};
    }
    const bool is_directory = S_ISDIR(status.st_mode);
    return {is_directory ? DirectoryKind::directory : DirectoryKind::file, stamp_of(status, !is_directory)};
}

DirectoryStamp stable_directory_stamp(const std::string& path) noexcept {
    DirectoryStamp stamp = directory_stamp(path);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    if (stamp.kind != DirectoryKind::absent && (may_tick_once_more(stamp.stamp.mtime_ns, to_nanoseconds(now)) ||
                                                may_tick_once_more(stamp.stamp.ctime_ns, to_nanoseconds(now)))) {
        stamp.kind = DirectoryKind::unstable;
    }
    return stamp;
}

}  // namespace pycds::image
