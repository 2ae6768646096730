#include "writer.hpp"

#include "checksum.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>

namespace pycds::image {

namespace {

template <typename Record>
void append(std::vector<std::byte>& out, std::span<const Record> records) {
    const auto bytes = std::as_bytes(records);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void align(std::vector<std::byte>& out, std::size_t alignment) {
    out.resize((out.size() + alignment - 1) / alignment * alignment);
}

std::uint32_t narrow(std::uint64_t value) {
    if (value > std::numeric_limits<std::uint32_t>::max()) {
        throw std::length_error("a part of the archive would exceed 4 GiB");
    }
    return static_cast<std::uint32_t>(value);
}

void copy_text(std::span<char> field, std::string_view text) {
    if (text.size() >= field.size()) {
        throw std::length_error("\"" + std::string(text) + "\" is too long for the header");
    }
    std::copy(text.begin(), text.end(), field.begin());
}

std::uint8_t flags_of(const ModuleDescription& module) noexcept {
    return static_cast<std::uint8_t>(
        (module.locations ? entry_is_package : 0) | (module.cached ? entry_has_cached : 0) |
        (module.contested ? entry_is_contested : 0) | (module.source_checked ? entry_source_checked : 0) |
        (module.random_hashes ? entry_random_hashes : 0));
}

// An entry's fixed part, then its text references, then its text.
class EntryBuilder {
  public:
    EntryBuilder(EntryRecord record, std::size_t locations)
        : record_(record), locations_(locations), text_at_(sizeof(EntryRecord) + locations * sizeof(TextRef)) {}

    TextRef add_text(std::string_view text) {
        const TextRef ref{narrow(text_at_ + text_.size()), narrow(text.size())};
        text_ += text;
        return ref;
    }
    void set_location(std::size_t i, std::string_view text) { locations_[i] = add_text(text); }
    EntryRecord& record() noexcept { return record_; }

    void append_to(std::vector<std::byte>& entries) {
        text_.resize((text_at_ + text_.size() + 7) / 8 * 8 - text_at_);
        record_.record_size = narrow(text_at_ + text_.size());
        append(entries, std::span<const EntryRecord>(&record_, 1));
        append(entries, std::span<const TextRef>(locations_));
        append(entries, std::span<const char>(text_));
    }

  private:
    EntryRecord record_;
    std::vector<TextRef> locations_;
    std::size_t text_at_;
    std::string text_;
};

}  // namespace

Writer::Writer(const IdentityRecord& identity, std::string_view creator) {
    std::copy(std::begin(magic), std::end(magic), header_.prefix.magic);
    header_.prefix.format_version = format_version;
    header_.prefix.header_size = sizeof(Header);
    copy_text(header_.prefix.creator, creator);
    header_.identity = identity;
}

void Writer::add_directory(const DirectoryDescription& directory) { directories_.push_back(directory); }

void Writer::add_blocks(const Blocks& blocks, std::vector<std::byte>& section) {
    for (const ExtentBuilder::Built& block : blocks) {
        align(section, object_alignment);
        blocks_.push_back({section.size(), checksum(block.bytes), block.objects_size, block.bitmap_words});
        append(section, std::span<const std::byte>(block.bytes));
    }
}

void Writer::set_pools(const Blocks& strings, const Blocks& constants, std::uint32_t canonicals,
                       std::uint32_t shared_constants) {
    add_blocks(strings, strings_);
    header_.string_blocks = narrow(blocks_.size());
    add_blocks(constants, constants_);
    header_.canonicals = canonicals;
    header_.shared_constants = shared_constants;
}

void Writer::add_module(const ModuleDescription& module, const Segment& segment) {
    align(segments_, object_alignment);
    std::vector<std::byte> bytes = segment.extent.bytes;
    append(bytes, std::span<const std::uint32_t>(segment.code_offsets));

    EntryRecord record{};
    record.ordinal = narrow(pending_.size());
    record.segment_offset = segments_.size();  // completed by place_segments
    record.segment_checksum = checksum(bytes);
    record.objects_size = segment.extent.objects_size;
    record.bitmap_words = segment.extent.bitmap_words;
    record.code_count = narrow(segment.code_offsets.size());
    record.root = segment.root;
    record.bodies = segment.bodies;
    record.stamp = module.stamp;
    record.content = module.content;
    record.pyc = module.pyc;
    record.pyc_content = module.pyc_content;
    record.loader = static_cast<std::uint8_t>(module.loader);
    header_.memos += module.loader == LoaderKind::memo ? 1U : 0U;
    header_.places += module.loader >= LoaderKind::extension ? 1U : 0U;
    record.pyc_kind = static_cast<std::uint8_t>(module.pyc_kind);
    record.directory = module.directory;
    record.home = module.home;
    record.relocations = segment.extent.relocations;
    const std::size_t locations = module.locations ? module.locations->size() : 0;
    record.location_count = narrow(locations);
    record.flags = flags_of(module);

    EntryBuilder builder(record, locations);
    builder.record().name = builder.add_text(module.name);
    builder.record().origin = builder.add_text(module.origin);
    builder.record().cached = builder.add_text(module.cached.value_or(""));
    builder.record().stamp_path = builder.add_text(module.stamp_path);
    for (std::size_t i = 0; i < locations; ++i) {
        builder.set_location(i, (*module.locations)[i]);
    }
    pending_.push_back({checksum(std::as_bytes(std::span(module.name))), narrow(entries_.size())});
    builder.append_to(entries_);
    append(segments_, std::span<const std::byte>(bytes));
}

std::vector<IndexSlot> Writer::make_index() const {
    const std::size_t slots = std::bit_ceil(std::max<std::size_t>(2 * pending_.size(), 8));
    std::vector<IndexSlot> index(slots);
    for (const PendingEntry& entry : pending_) {
        std::size_t position = static_cast<std::uint32_t>(entry.hash) & (slots - 1);
        while (index[position].entry != 0) {
            position = (position + 1) & (slots - 1);
        }
        index[position] = {static_cast<std::uint32_t>(entry.hash >> 32), entry.offset / 8 + 1};
    }
    return index;
}

std::vector<std::byte> Writer::make_directories() const {
    std::vector<DirectoryRecord> records;
    std::string text;
    const std::size_t text_at = directories_.size() * sizeof(DirectoryRecord);
    for (const DirectoryDescription& directory : directories_) {
        records.push_back({directory.seen.stamp,
                           directory.listing,
                           directory.pycache.stamp,
                           static_cast<std::uint32_t>(directory.seen.kind),
                           static_cast<std::uint32_t>(directory.pycache.kind),
                           directory.position,
                           directory.installed ? directory_is_installed : 0U,
                           {narrow(text_at + text.size()), narrow(directory.path.size())}});
        text += directory.path;
    }
    std::vector<std::byte> section;
    append(section, std::span<const DirectoryRecord>(records));
    append(section, std::span<const char>(text));
    return section;
}

// Segments lie last, so their place is known only when all the rest is; entries then get their checksums.
void Writer::place_segments(std::uint64_t begin) {
    for (const PendingEntry& pending : pending_) {
        EntryRecord record{};
        std::memcpy(&record, entries_.data() + pending.offset, sizeof(record));
        record.segment_offset += begin;
        std::memcpy(entries_.data() + pending.offset, &record, sizeof(record));
        const auto body = std::span<const std::byte>(entries_).subspan(pending.offset + sizeof(record.checksum),
                                                                       record.record_size - sizeof(record.checksum));
        record.checksum = checksum(body);
        std::memcpy(entries_.data() + pending.offset, &record, sizeof(record));
    }
}

std::vector<std::byte> Writer::finish() {
    const std::vector<IndexSlot> index = make_index();
    std::vector<std::uint32_t> order;
    for (const PendingEntry& entry : pending_) {
        order.push_back(entry.offset);
    }
    const std::vector<std::byte> directories = make_directories();
    header_.modules = narrow(pending_.size());

    struct Part {
        std::span<const std::byte> bytes;
        std::size_t items;
    };
    const Part parts[section_count] = {
        {std::as_bytes(std::span(index)), index.size()},      {entries_, pending_.size()},
        {std::as_bytes(std::span(order)), order.size()},      {directories, directories_.size()},
        {std::as_bytes(std::span(blocks_)), blocks_.size()},  {strings_, header_.string_blocks},
        {constants_, blocks_.size() - header_.string_blocks}, {segments_, pending_.size()},
    };
    std::uint64_t offset = sizeof(Header);
    for (std::size_t i = 0; i < section_count; ++i) {
        offset = (offset + object_alignment - 1) / object_alignment * object_alignment;
        header_.sections[i] = {offset, parts[i].bytes.size(), 0, narrow(parts[i].items), 0};
        offset += parts[i].bytes.size();
    }
    header_.prefix.file_size = offset;
    place_segments(header_.sections[static_cast<std::size_t>(Section::segments)].offset);

    std::vector<std::byte> file(offset);
    for (std::size_t i = 0; i < section_count; ++i) {
        header_.sections[i].checksum = checksum(parts[i].bytes);
        std::copy(parts[i].bytes.begin(), parts[i].bytes.end(),
                  file.begin() + static_cast<std::ptrdiff_t>(header_.sections[i].offset));
    }
    header_.prefix.header_checksum = 0;
    header_.prefix.header_checksum = checksum(std::as_bytes(std::span<const Header>(&header_, 1)));
    std::memcpy(file.data(), &header_, sizeof(header_));
    return file;
}

std::vector<std::uint64_t> block_starts(const std::vector<std::size_t>& block_sizes) {
    std::vector<std::uint64_t> starts;
    std::uint64_t offset = 0;
    for (const std::size_t size : block_sizes) {
        offset = (offset + object_alignment - 1) / object_alignment * object_alignment;
        starts.push_back(offset);
        offset += size;
    }
    return starts;
}

}  // namespace pycds::image
