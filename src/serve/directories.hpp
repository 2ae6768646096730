#pragma once

// Whether directories are as they were at the dump, so that an import finds the same in them.
//
// A directory is as it was if its times are, or else if the names in it are that can matter to an import.  What was
// seen holds for a moment (moment.hpp), then it is looked at again, one stat: of a directory that belongs to the
// interpreter's installation every 10 ms, of any other at each import, as a plain import does.  That of its __pycache__
// is looked at less often the longer it stays as it is.

#include "../image/listing.hpp"
#include "../image/reader.hpp"
#include "../image/stamp.hpp"
#include "validation.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pycds::serve {

class Directories {
  public:
    Directories(image::Reader& reader, Validation validation) noexcept : reader_(reader), validation_(validation) {}

    static constexpr std::int64_t never = INT64_MIN;

    class State {
      public:
        // There is nothing of that name.
        [[nodiscard]] bool absent() const noexcept { return stamp_.kind == image::DirectoryKind::absent; }
        // It is known to the archive, and imports find in it what they found at the dump.
        [[nodiscard]] bool unchanged() const noexcept { return unchanged_; }
        [[nodiscard]] bool is_directory() const noexcept { return stamp_.kind == image::DirectoryKind::directory; }
        [[nodiscard]] bool is_file() const noexcept { return stamp_.kind == image::DirectoryKind::file; }
        // Its number among the archive's directories, or none_index.
        [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

      private:
        friend class Directories;

        // When something was seen, and for how long that holds.
        struct Look {
            std::int64_t seen_ns = never;
            std::int64_t moment_ns = 0;
        };

        std::string path_;
        std::uint32_t number_ = image::none_index;
        image::DirectoryStamp stamp_;
        bool unchanged_ = false;
        std::optional<image::Listing> listing_;
        bool unlistable_ = false;
        Look look_;
        image::DirectoryStamp pycache_stamp_;
        Look pycache_look_;
    };

    // The state of an absolute path, as it was a moment ago or as it is now.  All throw image::Error; the reference
    // holds until invalidate().
    [[nodiscard]] const State& at(std::string_view path);
    [[nodiscard]] const State& at(std::uint32_t number);
    [[nodiscard]] const State& at_now(std::string_view path);

    // False only if a directory cannot hold a module `stem`.
    [[nodiscard]] bool may_hold(const State& state, std::string_view stem);

    // No .pyc has come or gone in the __pycache__ of a directory of the archive.  Throws image::Error.
    [[nodiscard]] bool pycache_unchanged(std::uint32_t number);

    [[nodiscard]] const image::DirectoryRecord& record(std::uint32_t number);
    [[nodiscard]] std::string_view path_of(std::uint32_t number);

    // What has been seen holds no longer.
    void invalidate() noexcept;

  private:
    [[nodiscard]] State& find(std::string_view path);
    [[nodiscard]] State& find(std::uint32_t number);
    void look(State& state);
    void look_again(State& state);
    [[nodiscard]] bool is_sealed(State& state);
    [[nodiscard]] bool is_installed(const State& state);
    // Whether to look again.
    [[nodiscard]] static bool is_over(const State::Look& look) noexcept;
    [[nodiscard]] bool as_recorded(State& state);
    [[nodiscard]] const std::optional<image::Listing>& listing(State& state);
    void index_recorded();

    // So that a path is looked up without a copy of it.
    struct PathHash {
        using is_transparent = void;
        [[nodiscard]] std::size_t operator()(std::string_view path) const noexcept {
            return std::hash<std::string_view>{}(path);
        }
    };

    image::Reader& reader_;
    Validation validation_;
    std::unordered_map<std::string, State, PathHash, std::equal_to<>> states_;
    std::vector<State*> by_number_;
    std::unordered_map<std::string_view, std::uint32_t> recorded_;  // path → number
    bool indexed_ = false;
};

}  // namespace pycds::serve
