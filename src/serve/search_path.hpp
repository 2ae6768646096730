#pragma once

// Whether a plain import would, now, find a module in the directory in which the dump found it.
//
// That is certain if the directory has not changed since, and no entry before it on the path could hold the name: an
// entry that is absent; one that stood before it at the dump and has not changed since; or one whose listing, read
// once, has nothing of that name.

#include "directories.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pycds::serve {

class SearchPath {
  public:
    explicit SearchPath(Directories& directories) noexcept : directories_(directories) {}

    // An import finds in the recorded directory of an entry what it found at the dump.  Throws image::Error.
    [[nodiscard]] bool leads_to(const image::EntryRecord& entry);

    // False only if `path_entry`, which precedes the recorded directory on the path, cannot hold a module `tail`.
    // Throws image::Error.
    [[nodiscard]] bool may_hold(std::string_view path_entry, std::string_view tail, std::uint32_t directory);

  private:
    // False where the current directory, to which it is relative, is unknown.
    [[nodiscard]] static bool make_absolute(std::string& path);

    Directories& directories_;
};

}  // namespace pycds::serve
