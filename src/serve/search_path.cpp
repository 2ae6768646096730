#include "search_path.hpp"

#include "../cpython/text.hpp"

#include <array>
#include <climits>
#include <unistd.h>

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

SearchPath::Verdict SearchPath::judge(PyObject* path_entry, const image::Entry& module) {
    if (!PyUnicode_CheckExact(path_entry)) {
        return Verdict::unclear;
    }
    const bool is_current = PyUnicode_GET_LENGTH(path_entry) == 0;
    const Ref key = is_current ? current_directory() : Ref::borrow(path_entry);
    const std::string_view path = key ? cpython::view_text(key.get()) : std::string_view();
    if (!path.starts_with('/')) {
        // Relative: what it meant when it was first asked for is kept in sys.path_importer_cache.
        return Verdict::unclear;
    }
    const Importer importer = importers_.of(key.get());
    if (importer == Importer::another) {
        return Verdict::unclear;
    }
    if (importer == Importer::none) {
        return Verdict::holds_nothing;
    }
    return path == directories_.path_of(module.record().directory)
               ? judge_recorded(key.get(), importer, module.record())
               : judge_other(key.get(), path, importer, module);
}

SearchPath::Verdict SearchPath::judge_recorded(PyObject* key, Importer importer, const image::EntryRecord& module) {
    if (importer == Importer::zip || !leads_to(module)) {
        return Verdict::unclear;
    }
    if (importer == Importer::unknown) {
        importers_.add_file_finder(key);
    }
    return Verdict::holds_it;
}

SearchPath::Verdict SearchPath::judge_other(PyObject* key, std::string_view path, Importer importer,
                                            const image::Entry& module) {
    const Directories::State& state = directories_.at(path);
    if (may_hold(state, module)) {
        return Verdict::unclear;
    }
    if (importer != Importer::unknown) {
        return Verdict::holds_nothing;
    }
    if (state.absent()) {
        importers_.add_none(key);
    } else if (state.is_directory() && is_normal(path)) {
        importers_.add_file_finder(key);
    } else {
        importers_.add_as_path_finder_does(key);
    }
    return Verdict::holds_nothing;
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
