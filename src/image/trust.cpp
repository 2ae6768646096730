#include "trust.hpp"

#include "error.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace pycds::image {

namespace {

[[noreturn]] void distrust(const std::string& path, const std::string& why) {
    throw Error(Reason::untrusted, path + ": not trusted, because " + why);
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

void check_trust(int descriptor, const std::string& path) {
    struct stat file{};
    struct stat directory{};
    if (::fstat(descriptor, &file) != 0 || ::stat(directory_of(path).c_str(), &directory) != 0) {
        distrust(path, "its owner cannot be told");
    }
    if (file.st_uid != ::geteuid() && file.st_uid != 0) {
        distrust(path, "it belongs to another user; make it anew with `pycds dump`");
    }
    if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        distrust(path, "others may write to it; take that away with `chmod go-w`");
    }
    if ((directory.st_mode & S_IWOTH) != 0 && (directory.st_mode & S_ISVTX) == 0) {
        distrust(path, "others may write to its directory; keep it in one of your own");
    }
}

}  // namespace pycds::image
