#include "reader.hpp"

#include "checksum.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pycds::image {

namespace {

std::string hexadecimal(std::uint64_t value) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    do {
        text.insert(text.begin(), digits[value & 15]);
        value >>= 4;
    } while (value != 0);
    return "0x" + text;
}

bool text_within(TextRef ref, std::uint32_t record_size) noexcept {
    return ref.offset <= record_size && ref.size <= record_size - ref.offset;
}

// The validity of an entry is established here, once; Entry's accessors rely on it.
bool well_formed(const Entry& entry, std::uint64_t file_size) noexcept {
    const EntryRecord& record = entry.record();
    const std::uint64_t fixed = sizeof(EntryRecord) + std::uint64_t{record.location_count} * sizeof(TextRef);
    if (fixed > record.record_size || record.loader > static_cast<std::uint8_t>(LoaderKind::other)) {
        return false;
    }
    for (const TextRef ref : {record.name, record.origin, record.cached, record.stamp_path}) {
        if (!text_within(ref, record.record_size)) {
            return false;
        }
    }
    for (const TextRef ref : entry.location_refs()) {
        if (!text_within(ref, record.record_size)) {
            return false;
        }
    }
    const std::uint64_t size = std::uint64_t{record.objects_size} + std::uint64_t{record.bitmap_words} * 8 +
                               std::uint64_t{record.code_count} * 4;
    return record.segment_offset % object_alignment == 0 && record.objects_size % object_alignment == 0 &&
           record.segment_offset <= file_size && size <= file_size - record.segment_offset &&
           record.root < record.objects_size && std::uint64_t{record.bitmap_words} * 512 >= record.objects_size;
}

}  // namespace

Reader::Reader(std::string path) : file_(std::move(path)), memory_(file_.size()) {
    check_prefix();
    check_header();
    check_sections();
    pages_present_.assign(file_.size() / page_size + 1, false);
}

void Reader::damaged(const std::string& what) const {
    throw Error(Reason::damaged, file_.path() + ": damaged (" + what + "); make it anew with `pycds dump`");
}

void Reader::check_prefix() const {
    // Read into the reservation's start, where the header will lie.
    auto& file = const_cast<InputFile&>(file_);
    const std::size_t available = std::min<std::size_t>(sizeof(Prefix), file_.size());
    file.read(0, memory_.at(0, available));
    Prefix prefix{};
    std::memcpy(&prefix, memory_.base(), available);
    const std::size_t comparable = std::min(available, sizeof(magic));
    if (std::memcmp(prefix.magic, magic, comparable) != 0) {
        throw Error(Reason::foreign, file_.path() + ": not a PyCDS archive");
    }
    if (available < sizeof(Prefix)) {
        throw Error(Reason::truncated, file_.path() + ": truncated; make it anew with `pycds dump`");
    }
    if (prefix.format_version != format_version) {
        throw Error(Reason::format_version, file_.path() + ": format version " +
                                                std::to_string(prefix.format_version) + ", this PyCDS reads version " +
                                                std::to_string(format_version) + "; make it anew with `pycds dump`");
    }
    if (prefix.file_size > file_.size()) {
        throw Error(Reason::truncated, file_.path() + ": truncated (" + std::to_string(file_.size()) + " of " +
                                           std::to_string(prefix.file_size) + " bytes); make it anew with `pycds dump`");
    }
    if (prefix.file_size != file_.size() || prefix.header_size != sizeof(Header)) {
        damaged("sizes in the prefix");
    }
}

void Reader::check_header() {
    if (file_.size() < sizeof(Header)) {
        throw Error(Reason::truncated, file_.path() + ": truncated; make it anew with `pycds dump`");
    }
    file_.read(0, std::as_writable_bytes(std::span(&header_, 1)));
    const std::uint64_t recorded = header_.prefix.header_checksum;
    header_.prefix.header_checksum = 0;
    const std::uint64_t computed = checksum(std::as_bytes(std::span(&header_, 1)));
    header_.prefix.header_checksum = recorded;
    if (recorded != computed) {
        damaged("header: checksum " + hexadecimal(computed) + ", recorded " + hexadecimal(recorded));
    }
    header_.prefix.creator[sizeof(header_.prefix.creator) - 1] = '\0';
    header_.identity.abi[sizeof(header_.identity.abi) - 1] = '\0';
    header_.identity.build[sizeof(header_.identity.build) - 1] = '\0';
}

void Reader::check_sections() const {
    std::uint64_t end = sizeof(Header);
    for (const SectionRecord& section : header_.sections) {
        if (section.offset < end || section.offset % object_alignment != 0 || section.offset > file_.size() ||
            section.size > file_.size() - section.offset) {
            damaged("bounds of a section");
        }
        end = section.offset + section.size;
    }
    const SectionRecord& index = section(Section::index);
    const SectionRecord& order = section(Section::order);
    const SectionRecord& directory = section(Section::directories);
    const SectionRecord& block = section(Section::blocks);
    if (index.size != std::uint64_t{index.items} * sizeof(IndexSlot) || !std::has_single_bit(index.items) ||
        order.size != std::uint64_t{order.items} * sizeof(std::uint32_t) || order.items != header_.modules ||
        directory.size < std::uint64_t{directory.items} * sizeof(DirectoryRecord) ||
        block.size != std::uint64_t{block.items} * sizeof(BlockRecord) || header_.string_blocks > block.items ||
        header_.modules >= index.items) {
        damaged("items of a section");
    }
}

std::span<const std::byte> Reader::lazily(Section which, std::uint64_t offset, std::size_t size) {
    const SectionRecord& bounds = section(which);
    if (offset > bounds.size || size > bounds.size - offset) {
        damaged("a reference beyond its section");
    }
    const std::uint64_t begin = bounds.offset + offset;
    // A page is clipped to its section: what lies beyond may have been read, linked and changed already.
    for (std::uint64_t page = begin / page_size; page * page_size < begin + size; ++page) {
        const std::uint64_t from = std::max(page * page_size, bounds.offset);
        const std::uint64_t to = std::min((page + 1) * page_size, bounds.offset + bounds.size);
        // A page at the border of two lazily read sections is read for each; the same bytes, so no harm.
        if (!pages_present_[page] || from != page * page_size) {
            file_.read(from, memory_.at(from, to - from));
            pages_present_[page] = from == page * page_size && to == (page + 1) * page_size;
        }
    }
    return memory_.at(begin, size);
}

Entry Reader::entry_at(std::uint64_t offset) {
    if (offset % alignof(EntryRecord) != 0) {
        damaged("a misplaced entry");
    }
    const auto* record = reinterpret_cast<const EntryRecord*>(lazily(Section::entries, offset, sizeof(EntryRecord)).data());
    const std::uint32_t size = record->record_size;
    if (size < sizeof(EntryRecord)) {
        damaged("size of an entry");
    }
    const auto bytes = lazily(Section::entries, offset, size);
    const Entry entry(*reinterpret_cast<const EntryRecord*>(bytes.data()));
    if (checksum(bytes.subspan(sizeof(std::uint64_t))) != entry.record().checksum || !well_formed(entry, file_.size())) {
        damaged("an entry");
    }
    return entry;
}

std::optional<Entry> Reader::find(std::string_view name) {
    const std::uint32_t slots = section(Section::index).items;
    const std::uint64_t hash = checksum(std::as_bytes(std::span(name)));
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::uint32_t probe = 0; probe < slots; ++probe) {
        const std::uint64_t position = (static_cast<std::uint32_t>(hash) + probe) & (slots - 1);
        const auto bytes = lazily(Section::index, position * sizeof(IndexSlot), sizeof(IndexSlot));
        IndexSlot slot{};
        std::memcpy(&slot, bytes.data(), sizeof(slot));
        if (slot.entry == 0) {
            return std::nullopt;
        }
        if (slot.tag == tag) {
            const Entry entry = entry_at(std::uint64_t{slot.entry - 1} * 8);
            if (entry.name() == name) {
                return entry;
            }
        }
    }
    return std::nullopt;
}

std::vector<Entry> Reader::all_entries() {
    const std::vector<std::byte> order = copy_section(Section::order);
    std::vector<Entry> entries;
    entries.reserve(header_.modules);
    for (std::uint32_t i = 0; i < header_.modules; ++i) {
        std::uint32_t offset = 0;
        std::memcpy(&offset, order.data() + std::size_t{i} * sizeof(offset), sizeof(offset));
        entries.push_back(entry_at(offset));
    }
    return entries;
}

std::span<const std::byte> Reader::whole(Section which, bool& loaded) {
    const SectionRecord& bounds = section(which);
    const auto bytes = memory_.at(bounds.offset, bounds.size);
    if (!loaded) {
        file_.read(bounds.offset, bytes);
        if (checksum(bytes) != bounds.checksum) {
            damaged("checksum of a section");
        }
        loaded = true;
    }
    return bytes;
}

std::span<const DirectoryRecord> Reader::directories() {
    const bool first = !directories_loaded_;
    const auto bytes = whole(Section::directories, directories_loaded_);
    const std::span records(reinterpret_cast<const DirectoryRecord*>(bytes.data()), section(Section::directories).items);
    if (first) {
        for (const DirectoryRecord& record : records) {
            if (record.path.offset > bytes.size() || record.path.size > bytes.size() - record.path.offset) {
                directories_loaded_ = false;
                damaged("a directory's path");
            }
        }
    }
    return records;
}

std::string_view Reader::directory_path(const DirectoryRecord& record) const noexcept {
    const SectionRecord& bounds = section(Section::directories);
    return {reinterpret_cast<const char*>(memory_.base()) + bounds.offset + record.path.offset, record.path.size};
}

std::span<const BlockRecord> Reader::blocks() {
    const auto bytes = whole(Section::blocks, blocks_loaded_);
    return {reinterpret_cast<const BlockRecord*>(bytes.data()), section(Section::blocks).items};
}

Extent Reader::load_segment(const EntryRecord& record) {
    const std::size_t bitmap_size = std::size_t{record.bitmap_words} * sizeof(std::uint64_t);
    const std::size_t codes_size = std::size_t{record.code_count} * sizeof(std::uint32_t);
    const auto bytes = memory_.at(record.segment_offset, record.objects_size + bitmap_size + codes_size);
    file_.read(record.segment_offset, bytes);
    if (checksum(bytes) != record.segment_checksum) {
        damaged("a module's segment");
    }
    const auto* bitmap = reinterpret_cast<const std::uint64_t*>(bytes.data() + record.objects_size);
    const auto* codes = reinterpret_cast<const std::uint32_t*>(bytes.data() + record.objects_size + bitmap_size);
    return {bytes.first(record.objects_size), {bitmap, record.bitmap_words}, {codes, record.code_count}};
}

Extent Reader::load_block(Section which, const BlockRecord& record) {
    const SectionRecord& bounds = section(which);
    const std::size_t bitmap_size = std::size_t{record.bitmap_words} * sizeof(std::uint64_t);
    const std::uint64_t size = std::uint64_t{record.objects_size} + bitmap_size;
    if (record.offset % object_alignment != 0 || record.objects_size % object_alignment != 0 ||
        record.offset > bounds.size || size > bounds.size - record.offset ||
        std::uint64_t{record.bitmap_words} * 512 < record.objects_size) {
        damaged("bounds of a block");
    }
    const auto bytes = memory_.at(bounds.offset + record.offset, size);
    file_.read(bounds.offset + record.offset, bytes);
    if (checksum(bytes) != record.checksum) {
        damaged("a block of shared constants");
    }
    const auto* bitmap = reinterpret_cast<const std::uint64_t*>(bytes.data() + record.objects_size);
    return {bytes.first(record.objects_size), {bitmap, record.bitmap_words}, {}};
}

std::vector<std::byte> Reader::copy_section(Section which) {
    const SectionRecord& bounds = section(which);
    std::vector<std::byte> bytes(bounds.size);
    file_.read(bounds.offset, bytes);
    return bytes;
}

}  // namespace pycds::image
