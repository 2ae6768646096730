#pragma once

// Whether a plain import would, now, find a module in the directory in which the dump found it: what PathFinder does
// with each entry of a search path (importlib._bootstrap_external, PathFinder._get_spec).
//
// That is certain if the directory has not changed since, and no entry before it on the path could hold the name: an
// entry that is absent; one that stood before it at the dump and has not changed since; or one whose listing, read
// once, has nothing of that name.
//
// Of a namespace package or of a name that was nowhere, all entries have to say the same.  That is certain if each has
// not changed since it was looked into at the dump, or has nothing of that name now.

#include "../cpython/python.hpp"
#include "directories.hpp"
#include "path_importers.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pycds::serve {

class SearchPath {
  public:
    SearchPath(Directories& directories, PathImporters& importers) noexcept
        : directories_(directories), importers_(importers) {}

    enum class Verdict {
        holds_it,       // PathFinder finds the module here, and it is the one recorded
        holds_nothing,  // PathFinder goes on to the next entry
        unclear,
    };
    // Of the next entry of a path, for a module with a recorded directory.  Throws image::Error, PythonError.
    [[nodiscard]] Verdict judge(PyObject* path_entry, const image::Entry& module);
    // The same of a namespace package or an absent name.  What the entry holds is a portion, whose path is added.
    [[nodiscard]] Verdict judge_portion(PyObject* path_entry, const image::Entry& module,
                                        std::vector<std::string>& portions);

  private:
    // An entry of a path, its key in sys.path_importer_cache, and what is there under it.
    struct PathEntry {
        cpython::Ref key;
        std::string_view path;
        PathImporters::Importer importer = PathImporters::Importer::another;
    };
    [[nodiscard]] PathEntry resolve(PyObject* path_entry);
    void add_importer(const PathEntry& entry, const Directories::State& state);
    [[nodiscard]] static bool fits(const PathEntry& entry, const Directories::State& state) noexcept;
    [[nodiscard]] bool is_portion(const PathEntry& entry, const std::string& path);
    [[nodiscard]] bool was_searched(const Directories::State& state, const image::EntryRecord& module);
    [[nodiscard]] Verdict judge_recorded(const PathEntry& entry, const image::EntryRecord& module);
    [[nodiscard]] Verdict judge_other(const PathEntry& entry, const image::Entry& module);
    [[nodiscard]] bool leads_to(const image::EntryRecord& module);
    [[nodiscard]] bool may_hold(const Directories::State& state, const image::Entry& module);

    Directories& directories_;
    PathImporters& importers_;
};

}  // namespace pycds::serve
