#include "trust.hpp"

#include "error.hpp"

#include <unistd.h>

namespace pycds::image {

namespace {

[[noreturn]] void distrust(const std::string& path, const char* why) {
    throw Error(Reason::untrusted, path + ": not trusted, because " + why);
}

bool belongs_to_another(const struct stat& status) noexcept {
    return status.st_uid != ::geteuid() && status.st_uid != 0;
}

bool others_may_write(const struct stat& status) noexcept { return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0; }

}  // namespace

void check_trust(const struct stat& file, const std::optional<struct stat>& directory, const std::string& path) {
    if (belongs_to_another(file)) {
        distrust(path, "it belongs to another user; make it anew with `pycds dump`");
    }
    if (others_may_write(file)) {
        distrust(path, "others may write to it; take that away with `chmod go-w`");
    }
    if (!directory) {
        distrust(path, "it lies in no directory");
    }
    if (belongs_to_another(*directory)) {
        distrust(path, "its directory belongs to another user; keep it in one of your own");
    }
    if (others_may_write(*directory)) {
        distrust(path, "others may write to its directory; keep it in one that only you may write to");
    }
}

}  // namespace pycds::image
