#pragma once

// open → check: an archive file, its header verified, its parts read and verified one by one as they are asked for.
// Opening costs the same for an archive of 50 modules and of 5,000.

#include "arena.hpp"
#include "error.hpp"
#include "extents.hpp"
#include "file.hpp"
#include "format.hpp"
#include "reservation.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pycds::image {

// A verified entry; views into the reservation, valid as long as the reader.
class Entry {
  public:
    explicit Entry(const EntryRecord& record) noexcept : record_(&record) {}

    [[nodiscard]] const EntryRecord& record() const noexcept { return *record_; }
    [[nodiscard]] std::string_view name() const noexcept { return text(record_->name); }
    [[nodiscard]] std::string_view origin() const noexcept { return text(record_->origin); }
    [[nodiscard]] bool is_memo() const noexcept {
        return record_->loader == static_cast<std::uint8_t>(LoaderKind::memo);
    }
    [[nodiscard]] bool is_script() const noexcept {
        return record_->loader == static_cast<std::uint8_t>(LoaderKind::script);
    }
    [[nodiscard]] bool has_code() const noexcept {
        return record_->loader < static_cast<std::uint8_t>(LoaderKind::extension);
    }
    [[nodiscard]] bool is_absent() const noexcept {
        return record_->loader == static_cast<std::uint8_t>(LoaderKind::absent);
    }
    // No file: what is known is of which directories it consists, if of any.
    [[nodiscard]] bool is_namespace_or_absent() const noexcept {
        return record_->loader >= static_cast<std::uint8_t>(LoaderKind::namespace_package);
    }
    [[nodiscard]] bool wants_random_hashes() const noexcept { return (record_->flags & entry_random_hashes) != 0; }
    [[nodiscard]] bool is_module() const noexcept { return !is_memo() && !is_script(); }
    [[nodiscard]] std::string_view stamp_path() const noexcept { return text(record_->stamp_path); }
    [[nodiscard]] bool is_package() const noexcept { return (record_->flags & entry_is_package) != 0; }
    [[nodiscard]] std::optional<std::string_view> cached() const noexcept {
        if ((record_->flags & entry_has_cached) == 0) {
            return std::nullopt;
        }
        return text(record_->cached);
    }
    [[nodiscard]] std::span<const TextRef> location_refs() const noexcept {
        return {reinterpret_cast<const TextRef*>(record_ + 1), record_->location_count};
    }
    [[nodiscard]] bool has_location(std::string_view path) const noexcept {
        return std::ranges::any_of(location_refs(), [&](TextRef ref) { return text(ref) == path; });
    }
    [[nodiscard]] std::string_view text(TextRef ref) const noexcept {
        return {reinterpret_cast<const char*>(record_) + ref.offset, ref.size};
    }

  private:
    const EntryRecord* record_;
};

// What is wrong with an entry whose record lies within its section: the validity of an entry is established here, once,
// and Entry's accessors and load_segment rely on it.  Empty if nothing is.
[[nodiscard]] const char* fault_of(const Entry& entry, const SectionRecord& segments) noexcept;

// Objects and the bitmap of their pointer slots, as read and verified; still unlinked.
struct Extent {
    std::span<std::byte> objects;  // in memory of their own
    std::span<const std::uint64_t> bitmap;
    // Of segments only; what stands here, and their bitmap, are there until the next segment is loaded.
    std::span<const std::uint32_t> code_offsets;
    std::span<const std::byte> bodies;  // the objects that are needed once: they lie behind the others in the file
};

class Reader {
  public:
    // Throws Error; std::bad_alloc.
    explicit Reader(std::string path);

    [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }
    [[nodiscard]] const Header& header() const noexcept { return header_; }
    [[nodiscard]] const SectionRecord& section(Section which) const noexcept {
        return header_.sections[static_cast<std::size_t>(which)];
    }
    // For whoever will run what the archive holds.  Throws Error(untrusted).
    void check_trust() const { file_.check_trust(); }
    // To be called before the first object in an extent is used as one: it then lives as long as the process.
    void keep_extents() noexcept { arena_.keep(); }

    // The entry of a module, verified; nullopt if the archive has none.  Throws Error.
    [[nodiscard]] std::optional<Entry> find(std::string_view name);
    // The entry at an offset within `entries`, verified.  Throws Error.
    [[nodiscard]] Entry entry_at(std::uint64_t offset);
    // All entries in order of first use.  Throws Error.
    [[nodiscard]] std::vector<Entry> all_entries();

    [[nodiscard]] std::span<const DirectoryRecord> directories();
    [[nodiscard]] std::string_view directory_path(const DirectoryRecord& record) const noexcept;
    [[nodiscard]] std::span<const BlockRecord> blocks();

    // Reads, verifies and places.
    [[nodiscard]] Extent load_segment(const EntryRecord& record);
    [[nodiscard]] Extent load_block(Section which, const BlockRecord& record);

    // For tools: reads bytes of the file, or a whole section, into memory of the caller's own; nothing is verified.
    [[nodiscard]] std::vector<std::byte> copy(std::uint64_t offset, std::uint64_t size);
    [[nodiscard]] std::vector<std::byte> copy_section(Section which);

    [[noreturn]] void damaged(const char* what) const;

  private:
    // `index` and `entries` are read by pages of this size as look-ups touch them.
    static constexpr std::size_t page_size = std::size_t{16} * 1024;

    [[nodiscard]] Header read_header();
    void check_prefix(const Prefix& prefix, std::size_t available) const;
    void check_sections(const Header& header) const;
    [[nodiscard]] std::span<const std::byte> read_extent(std::uint64_t offset, std::size_t size, std::uint64_t sum,
                                                         const char* what);
    [[nodiscard]] std::span<std::byte> place(std::span<const std::byte> bytes);
    void count_loaded(std::size_t size) noexcept;
    [[nodiscard]] std::span<const std::byte> lazily(Section which, std::uint64_t offset, std::size_t size);
    [[nodiscard]] std::span<const std::byte> whole(Section which, bool& loaded);
    [[nodiscard]] std::vector<bool>& pages_present(Section which) noexcept {
        return which == Section::index ? index_pages_ : entry_pages_;
    }

    InputFile file_;
    Header header_{};
    Reservation catalogue_;  // what lies before `strings`, at the offsets of the file
    Extents extents_;
    Arena arena_;
    std::uint64_t unloaded_;               // bytes of extents that were not loaded yet
    std::vector<std::byte> segment_rest_;  // what is behind the objects of the segment that was loaded last
    std::vector<bool> index_pages_;
    std::vector<bool> entry_pages_;
    bool directories_loaded_ = false;
    bool blocks_loaded_ = false;
};

}  // namespace pycds::image
