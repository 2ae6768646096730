#pragma once

// Whether a plain import would, now, find a module in the directory in which the dump found it.
//
// That is certain if the directory has not changed since, and no entry before it on the path could hold the name: an
// entry that is absent; one that stood before it at the dump and has not changed since; or one whose listing, read
// once, has nothing of that name.  Each directory costs one stat, and at most one listing, until caches are
// invalidated; no system call is made for a module (but one for each relative entry: the program may change its
// current directory).

#include "../image/reader.hpp"
#include "../image/stamp.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace pycds::serve {

class SearchPath {
  public:
    explicit SearchPath(image::Reader& reader) noexcept : reader_(reader) {}

    // The recorded directory of an entry: its path, and whether it is as it was.  Throws image::Error.
    [[nodiscard]] std::string_view path_of(std::uint32_t directory);
    [[nodiscard]] bool unchanged(std::uint32_t directory);

    // False only if `entry`, which precedes the recorded directory on the path, cannot hold a module `tail`.
    // Throws image::Error.
    [[nodiscard]] bool may_hold(std::string_view entry, std::string_view tail, std::uint32_t directory);

    void invalidate_caches() noexcept;

  private:
    struct State {
        image::DirectoryStamp stamp;
        std::uint32_t recorded = image::none_index;  // index among the archive's directories
        bool unchanged = false;
        std::optional<std::unordered_set<std::string>> stems;  // names up to the first dot, once listed
        bool unlistable = false;
    };

    // False where the current directory, to which it is relative, is unknown.
    [[nodiscard]] static bool make_absolute(std::string& path);
    [[nodiscard]] State& state_of(std::string_view path);
    [[nodiscard]] static bool list(const std::string& path, State& state);
    void index_recorded();

    image::Reader& reader_;
    std::unordered_map<std::string, State> states_;
    std::unordered_map<std::string_view, std::uint32_t> recorded_;  // path → index among the archive's directories
    bool indexed_ = false;
};

}  // namespace pycds::serve
