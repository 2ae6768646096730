#include "search_path.hpp"

#include <array>
#include <climits>
#include <dirent.h>
#include <memory>
#include <unistd.h>

namespace pycds::serve {

namespace {

using image::DirectoryKind;

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

void SearchPath::index_recorded() {
    if (indexed_) {
        return;
    }
    std::uint32_t i = 0;
    for (const image::DirectoryRecord& record : reader_.directories()) {
        recorded_.emplace(reader_.directory_path(record), i++);
    }
    indexed_ = true;
}

std::string_view SearchPath::path_of(std::uint32_t directory) {
    const auto directories = reader_.directories();
    if (directory >= directories.size()) {
        reader_.damaged("the directory of an entry");
    }
    return reader_.directory_path(directories[directory]);
}

SearchPath::State& SearchPath::state_of(std::string_view path) {
    const auto [place, added] = states_.try_emplace(std::string(path));
    State& state = place->second;
    if (added) {
        index_recorded();
        state.stamp = image::directory_stamp(place->first);
        if (const auto recorded = recorded_.find(path); recorded != recorded_.end()) {
            const image::DirectoryRecord& record = reader_.directories()[recorded->second];
            state.recorded = recorded->second;
            const image::DirectoryStamp then{static_cast<DirectoryKind>(record.kind), record.mtime_ns, record.size};
            state.unchanged = then == state.stamp;
        }
    }
    return state;
}

bool SearchPath::unchanged(std::uint32_t directory) {
    const State& state = state_of(path_of(directory));
    return state.unchanged && state.stamp.kind == DirectoryKind::directory;
}

bool SearchPath::list(const std::string& path, State& state) {
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    if (!directory) {
        return false;
    }
    state.stems.emplace();
    while (const dirent* item = ::readdir(directory.get())) {
        const std::string_view name(item->d_name);
        state.stems->emplace(name.substr(0, name.find('.')));
    }
    return true;
}

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

bool SearchPath::may_hold(std::string_view entry, std::string_view tail, std::uint32_t directory) {
    std::string path(entry);
    if (!make_absolute(path)) {
        return true;
    }
    State& state = state_of(path);
    if (state.stamp.kind == DirectoryKind::absent) {
        return false;
    }
    const auto directories = reader_.directories();
    // A package's directory has no position in sys.path, and nothing was said of what stands before it.
    const std::uint32_t position = directories[directory].position;
    if (state.unchanged && position != image::none_index && directories[state.recorded].position < position) {
        return false;
    }
    if (state.stamp.kind != DirectoryKind::directory || state.unlistable) {
        return true;
    }
    if (!state.stems && !list(path, state)) {
        state.unlistable = true;
        return true;
    }
    return state.stems->contains(std::string(tail));
}

void SearchPath::invalidate_caches() noexcept { states_.clear(); }

}  // namespace pycds::serve
