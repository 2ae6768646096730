#pragma once

// Whether a plain import would, now, find a module in the directory in which the dump found it: what PathFinder does
// with each entry of a search path (importlib._bootstrap_external, PathFinder._get_spec).
//
// That is certain if the directory has not changed since, and no entry before it on the path could hold the name: an
// entry that is absent; one that stood before it at the dump and has not changed since; or one whose listing, read
// once, has nothing of that name.

#include "../cpython/python.hpp"
#include "directories.hpp"
#include "path_importers.hpp"

#include <cstdint>
#include <string>
#include <string_view>

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

  private:
    [[nodiscard]] Verdict judge_recorded(PyObject* key, PathImporters::Importer importer,
                                         const image::EntryRecord& module);
    [[nodiscard]] Verdict judge_other(PyObject* key, std::string_view path, PathImporters::Importer importer,
                                      const image::Entry& module);
    [[nodiscard]] bool leads_to(const image::EntryRecord& module);
    [[nodiscard]] bool may_hold(const Directories::State& state, const image::Entry& module);

    Directories& directories_;
    PathImporters& importers_;
};

}  // namespace pycds::serve
