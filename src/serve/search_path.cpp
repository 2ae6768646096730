#include "search_path.hpp"

#include "../cpython/text.hpp"

#include <array>
#include <climits>
#include <unistd.h>
#include <utility>

namespace pycds::serve {

namespace {

using cpython::Ref;
using Importer = PathImporters::Importer;

std::string_view tail_of(std::string_view name) noexcept {
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

// A path that FileFinder takes as it is.
bool is_normal(std::string_view path) noexcept {
    return path.size() > 1 && path.front() == '/' && path.back() != '/' && path.find("//") == std::string_view::npos &&
           path.find("/.") == std::string_view::npos;
}

// Null where there is none.
Ref current_directory() {
    std::array<char, PATH_MAX> path{};
    return ::getcwd(path.data(), path.size()) == nullptr ? Ref() : cpython::decode_text(path.data());
}

}  // namespace

// The importer `another` where nothing can be said.
SearchPath::PathEntry SearchPath::resolve(PyObject* path_entry) {
    PathEntry entry;
    if (!PyUnicode_CheckExact(path_entry)) {
        return entry;
    }
    entry.key = PyUnicode_GET_LENGTH(path_entry) == 0 ? current_directory() : Ref::borrow(path_entry);
    entry.path = entry.key ? cpython::view_text(entry.key.get()) : std::string_view();
    // Relative: what it meant when it was first asked for is kept in sys.path_importer_cache.
    if (entry.path.starts_with('/')) {
        entry.importer = importers_.of(entry.key.get());
    }
    return entry;
}

// The importer that PathFinder would have made on its way.
void SearchPath::add_importer(const PathEntry& entry, const Directories::State& state) {
    if (entry.importer != Importer::unknown) {
        return;
    }
    if (state.absent()) {
        importers_.add_none(entry.key.get());
    } else if (state.is_directory() && is_normal(entry.path)) {
        importers_.add_file_finder(entry.key.get());
    } else {
        importers_.add_as_path_finder_does(entry.key.get());
    }
}

SearchPath::Verdict SearchPath::judge(PyObject* path_entry, const image::Entry& module) {
    const PathEntry entry = resolve(path_entry);
    if (entry.importer == Importer::another) {
        return Verdict::unclear;
    }
    if (entry.importer == Importer::none) {
        return Verdict::holds_nothing;
    }
    return entry.path == directories_.path_of(module.record().directory) ? judge_recorded(entry, module.record())
                                                                         : judge_other(entry, module);
}

SearchPath::Verdict SearchPath::judge_recorded(const PathEntry& entry, const image::EntryRecord& module) {
    if (entry.importer == Importer::zip || !leads_to(module)) {
        return Verdict::unclear;
    }
    if (entry.importer == Importer::unknown) {
        importers_.add_file_finder(entry.key.get());
    }
    return Verdict::holds_it;
}

SearchPath::Verdict SearchPath::judge_other(const PathEntry& entry, const image::Entry& module) {
    const Directories::State& state = directories_.at(entry.path);
    if (!fits(entry, state) || may_hold(state, module)) {
        return Verdict::unclear;
    }
    add_importer(entry, state);
    return Verdict::holds_nothing;
}

SearchPath::Verdict SearchPath::judge_portion(PyObject* path_entry, const image::Entry& module,
                                              std::vector<std::string>& portions) {
    const PathEntry entry = resolve(path_entry);
    if (entry.importer == Importer::another) {
        return Verdict::unclear;
    }
    if (entry.importer == Importer::none) {
        return Verdict::holds_nothing;
    }
    // A plain import looks at the directory each time it finds nothing in it.
    const Directories::State& state = directories_.at_now(entry.path);
    if (!fits(entry, state)) {
        return Verdict::unclear;
    }
    const std::string_view tail = tail_of(module.name());
    Verdict verdict = Verdict::holds_nothing;
    if (state.unchanged() && was_searched(state, module.record())) {
        std::string portion = std::string(entry.path) + '/' + std::string(tail);
        if (module.has_location(portion)) {
            if (!state.is_directory() || !is_portion(entry, portion)) {
                return Verdict::unclear;
            }
            portions.push_back(std::move(portion));
            verdict = Verdict::holds_it;
        }
    } else if (directories_.may_hold(state, tail)) {
        return Verdict::unclear;
    }
    add_importer(entry, state);
    return verdict;
}

// What is there now is what the importer was made for: a zip file was one when it was first asked for.
bool SearchPath::fits(const PathEntry& entry, const Directories::State& state) noexcept {
    return entry.importer != Importer::zip || state.is_file();
}

// Whether FileFinder still takes a directory for a part of a namespace package.
bool SearchPath::is_portion(const PathEntry& entry, const std::string& path) {
    const Directories::State& state = directories_.at_now(path);
    return is_normal(entry.path) && state.unchanged() && state.is_directory();
}

// The dump has looked for the module in a directory, and for everything else at the same level.
bool SearchPath::was_searched(const Directories::State& state, const image::EntryRecord& module) {
    return module.directory == image::none_index ? directories_.record(state.number()).position != image::none_index
                                                 : state.number() == module.directory;
}

bool SearchPath::leads_to(const image::EntryRecord& module) {
    const auto is_as_it_was = [&](std::uint32_t number) {
        const Directories::State& state = directories_.at(number);
        return state.unchanged() && state.is_directory();
    };
    // The names in a package's own directory decide which file is its __init__.
    const bool is_package = (module.flags & image::entry_is_package) != 0;
    return (module.flags & image::entry_is_contested) == 0 && is_as_it_was(module.directory) &&
           (!is_package || (module.home != image::none_index && is_as_it_was(module.home)));
}

// False only if an entry that precedes the recorded directory on the path cannot hold the module.
bool SearchPath::may_hold(const Directories::State& state, const image::Entry& module) {
    // A package's directory has no position in sys.path, and nothing was said of what stands before it.
    const std::uint32_t position = directories_.record(module.record().directory).position;
    if (state.unchanged() && position != image::none_index && directories_.record(state.number()).position < position) {
        return false;
    }
    return directories_.may_hold(state, tail_of(module.name()));
}

}  // namespace pycds::serve
