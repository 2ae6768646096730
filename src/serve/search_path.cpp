#include "search_path.hpp"

#include <array>
#include <climits>
#include <unistd.h>

namespace pycds::serve {

bool SearchPath::make_absolute(std::string& path) {
    if (path.starts_with('/')) {
        return true;
    }
    std::array<char, PATH_MAX> current{};
    if (::getcwd(current.data(), current.size()) == nullptr) {
        return false;
    }
    path = path.empty() ? current.data() : std::string(current.data()) + '/' + path;
    return true;
}

bool SearchPath::leads_to(const image::EntryRecord& entry) {
    const auto is_as_it_was = [&](std::uint32_t number) {
        const Directories::State& state = directories_.at(number);
        return state.unchanged() && state.is_directory();
    };
    // The names in a package's own directory decide which file is its __init__.
    const bool is_package = (entry.flags & image::entry_is_package) != 0;
    return (entry.flags & image::entry_is_contested) == 0 && is_as_it_was(entry.directory) &&
           (!is_package || (entry.home != image::none_index && is_as_it_was(entry.home)));
}

bool SearchPath::may_hold(std::string_view path_entry, std::string_view tail, std::uint32_t directory) {
    std::string path(path_entry);
    if (!make_absolute(path)) {
        return true;
    }
    const Directories::State& state = directories_.at(path);
    // A package's directory has no position in sys.path, and nothing was said of what stands before it.
    const std::uint32_t position = directories_.record(directory).position;
    if (state.unchanged() && position != image::none_index && directories_.record(state.number()).position < position) {
        return false;
    }
    return directories_.may_hold(state, tail);
}

}  // namespace pycds::serve
