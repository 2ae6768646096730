#include "listing.hpp"

#include "checksum.hpp"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <span>
#include <sys/stat.h>

namespace pycds::image {

namespace {

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

bool has_suffix_of_module(std::string_view name) noexcept {
    return name.ends_with(".py") || name.ends_with(".pyc") || name.ends_with(".so");
}

ListedName::Kind kind_of(mode_t mode) noexcept {
    if (S_ISDIR(mode)) {
        return ListedName::Kind::directory;
    }
    return S_ISREG(mode) ? ListedName::Kind::file : ListedName::Kind::another;
}

ListedName::Kind kind_of(int parent, const dirent& item) noexcept {
    if (item.d_type != DT_LNK && item.d_type != DT_UNKNOWN) {
        return kind_of(DTTOIF(item.d_type));
    }
    struct stat status{};
    return ::fstatat(parent, item.d_name, &status, 0) == 0 ? kind_of(status.st_mode) : ListedName::Kind::another;
}

bool is_link(int parent, const dirent& item) noexcept {
    if (item.d_type != DT_UNKNOWN) {
        return item.d_type == DT_LNK;
    }
    struct stat status{};
    return ::fstatat(parent, item.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

std::uint64_t digest_of(const std::vector<ListedName>& names) {
    std::string text;
    for (const ListedName& item : names) {
        text += item.name;
        text += static_cast<char>(item.kind);
    }
    return checksum(std::as_bytes(std::span(text)));
}

}  // namespace

std::optional<Listing> Listing::of(const std::string& directory) {
    const std::unique_ptr<DIR, CloseDirectory> stream(::opendir(directory.empty() ? "." : directory.c_str()));
    if (!stream) {
        return std::nullopt;
    }
    const int descriptor = ::dirfd(stream.get());
    Listing listing;
    while (const dirent* item = ::readdir(stream.get())) {
        const std::string_view name(item->d_name);
        const bool has_dot = name.find('.') != std::string_view::npos;
        if (name == "__pycache__" || (has_dot && !has_suffix_of_module(name))) {
            continue;
        }
        const ListedName listed{std::string(name), kind_of(descriptor, *item), is_link(descriptor, *item)};
        const bool is_directory = listed.kind == ListedName::Kind::directory;
        if (listed.is_link || has_dot != is_directory) {
            listing.names_.push_back(listed);
        }
    }
    std::ranges::sort(listing.names_, {}, &ListedName::name);
    listing.digest_ = digest_of(listing.names_);
    return listing;
}

bool is_file_of_module(std::string_view name, std::string_view stem) noexcept {
    return name.size() > stem.size() && name.starts_with(stem) && name[stem.size()] == '.';
}

bool Listing::may_hold(std::string_view stem) const noexcept {
    // The names that begin with the stem lie together.
    const auto begin = std::ranges::lower_bound(names_, stem, {}, &ListedName::name);
    for (auto item = begin; item != names_.end() && item->name.starts_with(stem); ++item) {
        if (item->name == stem || is_file_of_module(item->name, stem)) {
            return true;
        }
    }
    return false;
}

}  // namespace pycds::image
