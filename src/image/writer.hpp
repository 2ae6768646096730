#pragma once

// write: the last step of a dump.  What was laid out becomes the bytes of a file; the same input gives the same bytes.

#include "extent_builder.hpp"
#include "format.hpp"
#include "stamp.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pycds::image {

struct ModuleDescription {
    std::string name;
    std::string origin;
    std::optional<std::string> cached;
    std::string stamp_path;
    std::optional<std::vector<std::string>> locations;  // of a package
    LoaderKind loader = LoaderKind::source;
    FileStamp stamp;
    std::uint64_t content = 0;
    PycKind pyc_kind = PycKind::none;
    FileStamp pyc;
    std::uint64_t pyc_content = 0;
    bool source_checked = false;
    bool contested = false;
    bool random_hashes = false;
    std::uint32_t directory = none_index;
    std::uint32_t home = none_index;
};

struct DirectoryDescription {
    std::string path;
    DirectoryStamp seen;
    std::uint64_t listing = 0;
    DirectoryStamp pycache;
    std::uint32_t position = none_index;
    bool installed = false;
};

struct Segment {
    ExtentBuilder::Built extent;
    std::vector<std::uint32_t> code_offsets;
    std::uint32_t root = 0;
    std::uint32_t bodies = 0;  // where what is needed once begins
};

// Blocks of one pool section, in order.
using Blocks = std::vector<ExtentBuilder::Built>;

// Collects the parts of an archive in file order: set_options?, add_directory*, set_pools, add_module*, finish.
class Writer {
  public:
    Writer(const IdentityRecord& identity, std::string_view creator);

    void set_options(std::uint32_t options) noexcept { header_.options = options; }
    void add_directory(const DirectoryDescription& directory);
    void set_pools(const Blocks& strings, const Blocks& constants, std::uint32_t canonicals,
                   std::uint32_t shared_constants);
    void add_module(const ModuleDescription& module, const Segment& segment);

    // The file.  Throws std::length_error where a field of the format is too narrow.
    [[nodiscard]] std::vector<std::byte> finish();

  private:
    struct PendingEntry {
        std::uint64_t hash;
        std::uint32_t offset;  // within entries_
    };

    void add_blocks(const Blocks& blocks, std::vector<std::byte>& section);
    [[nodiscard]] std::vector<IndexSlot> make_index() const;
    [[nodiscard]] std::vector<std::byte> make_directories() const;
    void place_segments(std::uint64_t begin);

    Header header_{};
    std::vector<DirectoryDescription> directories_;
    std::vector<BlockRecord> blocks_;
    std::vector<std::byte> strings_;
    std::vector<std::byte> constants_;
    std::vector<std::byte> entries_;
    std::vector<std::byte> segments_;
    std::vector<PendingEntry> pending_;
};

// Where the blocks of a section will lie: each object's offset in the section is its block's start plus its offset.
[[nodiscard]] std::vector<std::uint64_t> block_starts(const std::vector<std::size_t>& block_sizes);

}  // namespace pycds::image
