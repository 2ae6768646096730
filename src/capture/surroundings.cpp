#include "surroundings.hpp"

#include <algorithm>
#include <ctime>

namespace pycds::capture {

namespace {

using image::DirectoryKind;
using image::ListedName;
using image::Listing;

std::string_view tail_of(std::string_view name) noexcept {
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

std::string_view file_name_of(std::string_view path) noexcept {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_young(const image::DirectoryStamp& stamp) noexcept { return stamp.kind == DirectoryKind::unstable; }

// Whether, in one directory, something comes before the file in which a module was found, or could: FileFinder takes
// a package's directory first, then extension modules, source, .pyc (importlib._bootstrap_external, find_spec and
// _get_supported_file_loaders).
bool has_rival(const Listing& listing, std::string_view stem, std::string_view file, bool is_sourceless) {
    return std::ranges::any_of(listing.names(), [&](const ListedName& item) {
        if (item.name == file) {
            return false;
        }
        return item.name == stem || (image::is_file_of_module(item.name, stem) &&
                                     (item.name.ends_with(".so") || (is_sourceless && item.name.ends_with(".py"))));
    });
}

// Whether all that there is of a name is a directory.
bool holds_directory_alone(const Listing& listing, std::string_view stem) {
    return std::ranges::all_of(listing.names(), [&](const ListedName& item) {
        return item.name == stem ? item.kind == ListedName::Kind::directory
                                 : !image::is_file_of_module(item.name, stem);
    });
}

bool has(const std::optional<std::vector<std::string>>& locations, const std::string& path) {
    return locations && std::ranges::find(*locations, path) != locations->end();
}

}  // namespace

void Surroundings::add_search_path(const std::vector<std::string>& entries) {
    for (const std::string& entry : entries) {
        image::DirectoryDescription& directory = directories_[number_of(entry)];
        if (directory.position == image::none_index) {
            directory.position = next_position_;
        }
        ++next_position_;
    }
}

bool Surroundings::is_installed(std::string_view path) const noexcept {
    return std::ranges::any_of(prefixes_, [&](const std::string& prefix) {
        return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
    });
}

std::uint32_t Surroundings::number_of(const std::string& path) {
    const auto [known, added] = numbers_.emplace(path, static_cast<std::uint32_t>(directories_.size()));
    if (added) {
        image::DirectoryDescription description;
        description.path = path;
        description.installed = is_installed(path);
        directories_.push_back(std::move(description));
        first_listings_.push_back(Listing::of(path));
        listings_.emplace_back();
    }
    return known->second;
}

void Surroundings::stamp(std::uint32_t number) {
    image::DirectoryDescription& directory = directories_[number];
    // In this order: what comes between is then newer than the stamp, and the stamp a later one's unequal.
    directory.seen = image::stable_directory_stamp(directory.path);
    directory.pycache = image::stable_directory_stamp(directory.path + "/__pycache__");
    listings_[number] = Listing::of(directory.path);
    const auto& first = first_listings_[number];
    const auto& now = listings_[number];
    if (now) {
        directory.listing = now->digest();
    }
    if (first.has_value() != now.has_value() || (now && first->digest() != now->digest())) {
        directory.seen.kind = DirectoryKind::unstable;
        directory.listing = 0;
    }
}

bool Surroundings::stamp_all() {
    bool any_young = false;
    for (std::uint32_t number = 0; number < directories_.size(); ++number) {
        stamp(number);
        any_young = any_young || is_young(directories_[number].seen) || is_young(directories_[number].pycache);
    }
    return any_young;
}

void Surroundings::settle() {
    if (stamp_all()) {
        // Reading modules may have written .pyc files a moment ago.
        const timespec a_moment{0, 60'000'000};
        ::nanosleep(&a_moment, nullptr);
        (void)stamp_all();
    }
}

bool Surroundings::is_contested(const image::ModuleDescription& module) const {
    if (module.directory == image::none_index) {
        return false;
    }
    const std::string_view tail = tail_of(module.name);
    const bool is_sourceless = module.loader == image::LoaderKind::sourceless;
    const std::uint32_t position = directories_[module.directory].position;
    for (std::uint32_t number = 0; position != image::none_index && number < directories_.size(); ++number) {
        const auto& listing = listings_[number];
        if (directories_[number].position < position && listing && listing->may_hold(tail)) {
            return true;
        }
    }
    const std::uint32_t home = module.locations ? module.home : module.directory;
    const auto& names = home == image::none_index ? std::nullopt : listings_[home];
    return !names ||
           has_rival(*names, module.locations ? "__init__" : tail, file_name_of(module.origin), is_sourceless);
}

// Of a directory in which something was looked for that is none of its files.
bool Surroundings::may_hold_more(std::uint32_t number, const image::ModuleDescription& module) const {
    const image::DirectoryDescription& directory = directories_[number];
    if (directory.seen.kind == DirectoryKind::absent || directory.seen.kind == DirectoryKind::file) {
        return false;  // of a zip file its stamp tells
    }
    const std::string_view tail = tail_of(module.name);
    const std::string portion = directory.path + '/' + std::string(tail);
    const auto& names = listings_[number];
    if (!names || !has(module.locations, portion)) {
        return !names || names->may_hold(tail);
    }
    const auto own = numbers_.find(portion);
    const auto& within = own == numbers_.end() ? std::nullopt : listings_[own->second];
    return !holds_directory_alone(*names, tail) || !within || within->may_hold("__init__");
}

bool Surroundings::is_contested_place(const image::ModuleDescription& module) const {
    for (std::uint32_t number = 0; number < directories_.size(); ++number) {
        const bool was_searched = module.directory == image::none_index
                                      ? directories_[number].position != image::none_index
                                      : number == module.directory;
        if (was_searched && may_hold_more(number, module)) {
            return true;
        }
    }
    return false;
}

}  // namespace pycds::capture
