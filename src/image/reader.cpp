#include "reader.hpp"

#include "checksum.hpp"
#include "hexadecimal.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace pycds::image {

namespace {

bool text_within(TextRef ref, std::uint64_t begin, std::uint32_t record_size) noexcept {
    return ref.offset >= begin && ref.offset <= record_size && ref.size <= record_size - ref.offset;
}

bool texts_within(const Entry& entry) noexcept {
    const EntryRecord& record = entry.record();
    const std::uint64_t begin = sizeof(EntryRecord) + std::uint64_t{record.location_count} * sizeof(TextRef);
    if (begin > record.record_size) {
        return false;
    }
    for (const TextRef ref : {record.name, record.origin, record.cached, record.stamp_path}) {
        if (!text_within(ref, begin, record.record_size)) {
            return false;
        }
    }
    for (const TextRef ref : entry.location_refs()) {
        if (!text_within(ref, begin, record.record_size)) {
            return false;
        }
    }
    return true;
}

bool segment_within(const EntryRecord& record, const SectionRecord& segments) noexcept {
    return record.segment_offset % object_alignment == 0 && record.objects_size % object_alignment == 0 &&
           record.segment_offset >= segments.offset && record.segment_offset - segments.offset <= segments.size &&
           segment_size(record) <= segments.size - (record.segment_offset - segments.offset);
}

}  // namespace

const char* fault_of(const Entry& entry, const SectionRecord& segments) noexcept {
    const EntryRecord& record = entry.record();
    if (!texts_within(entry)) {
        return "bounds of its text";
    }
    if (record.loader > static_cast<std::uint8_t>(LoaderKind::absent)) {
        return "kind of its loader";
    }
    if (!entry.has_code()) {
        return segment_size(record) == 0 && record.root == 0 && record.bodies == 0 ? nullptr
                                                                                   : "code where none belongs";
    }
    if (!segment_within(record, segments)) {
        return "bounds of its segment";
    }
    if (record.bitmap_words != bitmap_words_for(record.objects_size)) {
        return "size of its relocation bitmap";
    }
    if (record.root % object_alignment != 0 || record.root >= record.objects_size) {
        return "place of its code object";
    }
    if (record.bodies % object_alignment != 0 || record.bodies > record.objects_size) {
        return "place of what is needed once";
    }
    return nullptr;
}

Reader::Reader(std::string path)
    : file_(std::move(path)), header_(read_header()), catalogue_(section(Section::strings).offset), extents_(file_),
      unloaded_(file_.size() - catalogue_.size()) {
    for (const Section which : {Section::index, Section::entries}) {
        pages_present(which).assign(section(which).size / page_size + 1, false);
    }
}

void Reader::damaged(const char* what) const {
    throw Error(Reason::damaged, file_.path() + ": damaged (" + what + "); make it anew with `pycds dump`");
}

Header Reader::read_header() {
    Header header{};
    const std::size_t available = std::min<std::size_t>(sizeof(Header), file_.size());
    file_.read(0, std::as_writable_bytes(std::span(&header, 1)).first(available));
    check_prefix(header.prefix, available);
    const std::uint64_t recorded = std::exchange(header.prefix.header_checksum, 0);
    const std::uint64_t computed = checksum(std::as_bytes(std::span(&header, 1)));
    header.prefix.header_checksum = recorded;
    if (recorded != computed) {
        damaged(("header: checksum " + hexadecimal(computed) + ", recorded " + hexadecimal(recorded)).c_str());
    }
    header.prefix.creator[sizeof(header.prefix.creator) - 1] = '\0';
    header.identity.abi[sizeof(header.identity.abi) - 1] = '\0';
    header.identity.build[sizeof(header.identity.build) - 1] = '\0';
    check_sections(header);
    return header;
}

void Reader::check_prefix(const Prefix& prefix, std::size_t available) const {
    const std::size_t comparable = std::min(available, sizeof(magic));
    if (std::memcmp(prefix.magic, magic, comparable) != 0) {
        throw Error(Reason::foreign, file_.path() + ": not a PyCDS archive");
    }
    if (available < sizeof(Prefix)) {
        throw Error(Reason::truncated, file_.path() + ": truncated; make it anew with `pycds dump`");
    }
    if (prefix.format_version != format_version) {
        throw Error(Reason::format_version, file_.path() + ": format version " + std::to_string(prefix.format_version) +
                                                ", this PyCDS reads version " + std::to_string(format_version) +
                                                "; make it anew with `pycds dump`");
    }
    if (prefix.file_size > file_.size()) {
        throw Error(Reason::truncated, file_.path() + ": truncated (" + std::to_string(file_.size()) + " of " +
                                           std::to_string(prefix.file_size) +
                                           " bytes); make it anew with `pycds dump`");
    }
    if (prefix.file_size != file_.size() || prefix.header_size != sizeof(Header) || available < sizeof(Header)) {
        damaged("sizes in the prefix");
    }
}

void Reader::check_sections(const Header& header) const {
    const auto section = [&](Section which) -> const SectionRecord& {
        return header.sections[static_cast<std::size_t>(which)];
    };
    std::uint64_t end = sizeof(Header);
    for (const SectionRecord& bounds : header.sections) {
        if (bounds.offset < end || bounds.offset % object_alignment != 0 || bounds.offset > file_.size() ||
            bounds.size > file_.size() - bounds.offset) {
            damaged("bounds of a section");
        }
        end = bounds.offset + bounds.size;
    }
    if (end != file_.size()) {
        damaged("bytes behind the last section");
    }
    const SectionRecord& index = section(Section::index);
    const SectionRecord& order = section(Section::order);
    const SectionRecord& directory = section(Section::directories);
    const SectionRecord& block = section(Section::blocks);
    // What later allocates or indexes by these counts relies on their being no larger than the file.
    if (index.size != std::uint64_t{index.items} * sizeof(IndexSlot) || !std::has_single_bit(index.items) ||
        section(Section::entries).size < std::uint64_t{header.modules} * sizeof(EntryRecord) ||
        section(Section::strings).size < std::uint64_t{header.canonicals} * object_alignment ||
        section(Section::constants).size < std::uint64_t{header.shared_constants} * object_alignment ||
        order.size != std::uint64_t{order.items} * sizeof(std::uint32_t) || order.items != header.modules ||
        directory.size < std::uint64_t{directory.items} * sizeof(DirectoryRecord) ||
        block.size != std::uint64_t{block.items} * sizeof(BlockRecord) || header.string_blocks > block.items ||
        header.modules >= index.items || header.memos > header.modules) {
        damaged("items of a section");
    }
}

std::span<const std::byte> Reader::lazily(Section which, std::uint64_t offset, std::size_t size) {
    const SectionRecord& bounds = section(which);
    if (offset > bounds.size || size > bounds.size - offset) {
        damaged("a reference beyond its section");
    }
    // Pages count from the section's start and end with it, so that each is read once: bytes that were verified are
    // not replaced, whatever becomes of the file.
    std::vector<bool>& present = pages_present(which);
    for (std::uint64_t page = offset / page_size; page * page_size < offset + size; ++page) {
        if (!present[page]) {
            const std::uint64_t from = page * page_size;
            const std::uint64_t to = std::min(from + page_size, bounds.size);
            file_.read(bounds.offset + from, catalogue_.at(bounds.offset + from, to - from));
            present[page] = true;
        }
    }
    return catalogue_.at(bounds.offset + offset, size);
}

Entry Reader::entry_at(std::uint64_t offset) {
    if (offset % alignof(EntryRecord) != 0) {
        damaged("a misplaced entry");
    }
    const auto* record =
        reinterpret_cast<const EntryRecord*>(lazily(Section::entries, offset, sizeof(EntryRecord)).data());
    const std::uint32_t size = record->record_size;
    if (size < sizeof(EntryRecord)) {
        damaged("size of an entry");
    }
    const auto bytes = lazily(Section::entries, offset, size);
    const Entry entry(*reinterpret_cast<const EntryRecord*>(bytes.data()));
    if (checksum(bytes.subspan(sizeof(std::uint64_t))) != entry.record().checksum) {
        damaged("an entry");
    }
    if (const char* fault = fault_of(entry, section(Section::segments))) {
        damaged((std::string("an entry: ") + fault).c_str());
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
    if (checksum(order) != section(Section::order).checksum) {
        damaged("checksum of the section order");
    }
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
    const auto bytes = catalogue_.at(bounds.offset, bounds.size);
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
    const std::span records(reinterpret_cast<const DirectoryRecord*>(bytes.data()),
                            section(Section::directories).items);
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
    return {reinterpret_cast<const char*>(catalogue_.base()) + bounds.offset + record.path.offset, record.path.size};
}

std::span<const BlockRecord> Reader::blocks() {
    const auto bytes = whole(Section::blocks, blocks_loaded_);
    return {reinterpret_cast<const BlockRecord*>(bytes.data()), section(Section::blocks).items};
}

std::span<const std::byte> Reader::read_extent(std::uint64_t offset, std::size_t size, std::uint64_t sum,
                                               const char* what) {
    const auto bytes = extents_.read(offset, size);
    if (checksum(bytes) != sum) {
        damaged(what);
    }
    return bytes;
}

// To where it stays.
std::span<std::byte> Reader::place(std::span<const std::byte> bytes) {
    const auto memory = arena_.reserve(bytes.size(), static_cast<std::size_t>(unloaded_));
    if (!bytes.empty()) {  // memcpy wants an address, even of nothing
        std::memcpy(memory.data(), bytes.data(), bytes.size());
    }
    arena_.commit(memory);
    return memory;
}

void Reader::count_loaded(std::size_t size) noexcept { unloaded_ -= std::min<std::uint64_t>(unloaded_, size); }

Extent Reader::load_segment(const EntryRecord& record) {
    const std::size_t bitmap_size = std::size_t{record.bitmap_words} * sizeof(std::uint64_t);
    const std::size_t codes_size = std::size_t{record.code_count} * sizeof(std::uint32_t);
    const auto bytes = read_extent(record.segment_offset, record.objects_size + bitmap_size + codes_size,
                                   record.segment_checksum, "a module's segment");
    const auto needed_once = bytes.subspan(record.bodies);
    segment_rest_.assign(needed_once.begin(), needed_once.end());
    const auto objects = place(bytes.first(record.bodies));
    count_loaded(bytes.size());
    const std::size_t bodies_size = record.objects_size - record.bodies;
    const std::byte* rest = segment_rest_.data();
    const auto* bitmap = reinterpret_cast<const std::uint64_t*>(rest + bodies_size);
    const auto* codes = reinterpret_cast<const std::uint32_t*>(rest + bodies_size + bitmap_size);
    return {objects, {bitmap, record.bitmap_words}, {codes, record.code_count}, {rest, bodies_size}};
}

Extent Reader::load_block(Section which, const BlockRecord& record) {
    const SectionRecord& bounds = section(which);
    const std::size_t bitmap_size = std::size_t{record.bitmap_words} * sizeof(std::uint64_t);
    const std::uint64_t size = std::uint64_t{record.objects_size} + bitmap_size;
    if (record.offset % object_alignment != 0 || record.objects_size % object_alignment != 0 ||
        record.offset > bounds.size || size > bounds.size - record.offset ||
        record.bitmap_words != bitmap_words_for(record.objects_size)) {
        damaged("bounds of a block");
    }
    const auto bytes =
        place(read_extent(bounds.offset + record.offset, size, record.checksum, "a block of shared constants"));
    count_loaded(bytes.size());
    const auto* bitmap = reinterpret_cast<const std::uint64_t*>(bytes.data() + record.objects_size);
    return {bytes.first(record.objects_size), {bitmap, record.bitmap_words}, {}, {}};
}

std::vector<std::byte> Reader::copy(std::uint64_t offset, std::uint64_t size) {
    std::vector<std::byte> bytes(size);
    file_.read(offset, bytes);
    return bytes;
}

std::vector<std::byte> Reader::copy_section(Section which) { return copy(section(which).offset, section(which).size); }

}  // namespace pycds::image
