#include "stamp.hpp"

#include <ctime>
#include <sys/stat.h>

namespace pycds::image {

namespace {

constexpr std::int64_t nanoseconds = 1'000'000'000;
constexpr std::int64_t clock_granularity_ns = 50'000'000;

std::int64_t to_ns(const timespec& time) noexcept { return time.tv_sec * nanoseconds + time.tv_nsec; }

}  // namespace

std::optional<FileStamp> file_stamp(const char* path) noexcept {
    struct stat status {};
    if (::stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    return FileStamp{to_ns(status.st_mtim), static_cast<std::uint64_t>(status.st_size)};
}

DirectoryStamp directory_stamp(const std::string& path) noexcept {
    struct stat status {};
    if (::stat(path.empty() ? "." : path.c_str(), &status) != 0) {
        return {};
    }
    if (S_ISDIR(status.st_mode)) {
        return {DirectoryKind::directory, to_ns(status.st_mtim), 0};
    }
    return {DirectoryKind::file, to_ns(status.st_mtim), static_cast<std::uint64_t>(status.st_size)};
}

DirectoryStamp stable_directory_stamp(const std::string& path) noexcept {
    DirectoryStamp stamp = directory_stamp(path);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    if (stamp.kind != DirectoryKind::absent && to_ns(now) - stamp.mtime_ns < clock_granularity_ns) {
        stamp.kind = DirectoryKind::unstable;
    }
    return stamp;
}

}  // namespace pycds::image
