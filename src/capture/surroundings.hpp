#pragma once

// What stands around the modules of a dump: the directories that imports look into, as they are, and which modules
// something else of the same name could come before.

#include "../image/listing.hpp"
#include "../image/writer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pycds::capture {

class Surroundings {
  public:
    // Directories below these belong to the interpreter's installation.
    void set_installation(std::vector<std::string> prefixes) { prefixes_ = std::move(prefixes); }
    // sys.path of the run that the archive is for.
    void add_search_path(const std::vector<std::string>& entries);

    // The number of a directory, which is looked at when it is first asked for.
    [[nodiscard]] std::uint32_t number_of(const std::string& path);

    // To be called when every module has been read.  Stamps all directories; one in which names have come or gone
    // since it was first looked at gets a stamp that nothing is equal to.  Waits, for a moment at most, for stamps too
    // young to prove anything.
    void settle();

    // Whether there is something of the module's name that is no module now, but could become one while the stamps of
    // the directories on the path stay: a directory without an __init__, a link to nowhere.  After settle().
    [[nodiscard]] bool is_contested(const image::ModuleDescription& module) const;
    // The same of a namespace package or an absent name: whether there is more of that name than the portions.
    [[nodiscard]] bool is_contested_place(const image::ModuleDescription& module) const;

    [[nodiscard]] const std::vector<image::DirectoryDescription>& directories() const noexcept { return directories_; }

  private:
    [[nodiscard]] bool may_hold_more(std::uint32_t number, const image::ModuleDescription& module) const;
    [[nodiscard]] bool is_installed(std::string_view path) const noexcept;
    [[nodiscard]] bool stamp_all();
    void stamp(std::uint32_t number);

    std::vector<std::string> prefixes_;
    std::vector<image::DirectoryDescription> directories_;
    std::vector<std::optional<image::Listing>> first_listings_;
    std::vector<std::optional<image::Listing>> listings_;
    std::unordered_map<std::string, std::uint32_t> numbers_;
    std::uint32_t next_position_ = 0;
};

}  // namespace pycds::capture
