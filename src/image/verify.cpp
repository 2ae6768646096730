#include "verify.hpp"

#include "checksum.hpp"
#include "hexadecimal.hpp"
#include "options.hpp"
#include "problem_list.hpp"
#include "slots.hpp"
#include "verify_objects.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

namespace pycds::image {

namespace {

std::string name_of(Section section) { return "section " + std::string(to_string(section)); }

bool all_zero(std::span<const std::byte> bytes) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

bool holds_nul(std::string_view text) noexcept { return text.find('\0') != std::string_view::npos; }

// Works on a copy of the file's sections: nothing that it reads can change, and nothing is loaded.
class Verifier {
  public:
    explicit Verifier(Reader& reader) : reader_(reader), header_(reader.header()) {}

    std::vector<std::string> run() {
        if (copy_sections()) {
            check_header();
            check_entries();
            check_order();
            check_index();
            check_directories();
            check_objects();
        }
        return problems_.take();
    }

  private:
    struct FoundEntry {
        std::uint64_t offset;
        const EntryRecord* record;
        std::string where;
        bool well_formed;
        bool indexed = false;  // named by a slot
    };

    bool copy_sections();
    void check_header();
    void check_gaps();
    void check_entries();
    void check_entry(const FoundEntry& found, std::span<const std::byte> bytes);
    void check_texts(const FoundEntry& found);
    void check_memo(const FoundEntry& found);
    void check_script(const FoundEntry& found);
    void check_place(const FoundEntry& found);
    void check_order();
    void check_index();
    void check_slot(std::uint64_t position, std::uint64_t run_start);
    void check_directories();
    void check_directory(std::uint32_t number, std::vector<bool>& positions);
    void check_objects();

    [[nodiscard]] std::span<const std::byte> bytes_of(Section which) const noexcept {
        return sections_[static_cast<std::size_t>(which)];
    }
    [[nodiscard]] FoundEntry* entry_at(std::uint64_t offset);
    [[nodiscard]] IndexSlot slot_at(std::uint64_t position) const noexcept {
        return load<IndexSlot>(bytes_of(Section::index), position * sizeof(IndexSlot));
    }

    Reader& reader_;
    const Header& header_;
    ProblemList problems_;
    std::array<std::vector<std::byte>, section_count> sections_;
    std::vector<FoundEntry> entries_;  // ascending
};

bool Verifier::copy_sections() {
    try {
        for (std::size_t i = 0; i < section_count; ++i) {
            const auto which = static_cast<Section>(i);
            sections_[i] = reader_.copy_section(which);
            if (checksum(sections_[i]) != header_.sections[i].checksum) {
                problems_.add(name_of(which), "checksum");
            }
        }
        check_gaps();
        return true;
    } catch (const Error& error) {
        problems_.add("file", error.what());
        return false;
    }
}

// Sections lie one behind the other; only the alignment's zero bytes are between them.
void Verifier::check_gaps() {
    std::uint64_t end = sizeof(Header);
    for (std::size_t i = 0; i < section_count; ++i) {
        const SectionRecord& section = header_.sections[i];
        const std::vector<std::byte> gap = reader_.copy(end, section.offset - end);
        if (gap.size() >= object_alignment || !all_zero(gap)) {
            problems_.add(name_of(static_cast<Section>(i)), "bytes before it that belong to nothing");
        }
        end = section.offset + section.size;
    }
}

void Verifier::check_header() {
    if (header_.identity.pointer_size != sizeof(std::uint64_t)) {
        problems_.add("header", "pointers of {} bytes", header_.identity.pointer_size);
    }
    if ((header_.options & ~known_options) != 0) {
        problems_.add("header", "options that are not known");
    }
    bool reserved = all_zero(std::as_bytes(std::span(header_.reserved))) && header_.reserved_too == 0;
    for (const SectionRecord& section : header_.sections) {
        reserved = reserved && section.reserved == 0;
    }
    if (!reserved) {
        problems_.add("header", "reserved fields that are not zero");
    }
    const std::pair<Section, std::uint32_t> counts[] = {
        {Section::entries, header_.modules},
        {Section::strings, header_.string_blocks},
        {Section::constants, reader_.section(Section::blocks).items - header_.string_blocks},
        {Section::segments, header_.modules},
    };
    for (const auto& [which, expected] : counts) {
        if (reader_.section(which).items != expected) {
            problems_.add(name_of(which), "counts {} items instead of {}", reader_.section(which).items, expected);
        }
    }
}

// --- entries ------------------------------------------------------------------------------------------

void Verifier::check_entries() {
    const auto bytes = bytes_of(Section::entries);
    std::uint64_t offset = 0;
    std::unordered_set<std::string_view> names;
    while (offset < bytes.size()) {
        const std::string where = "entry at " + hexadecimal(offset);
        if (bytes.size() - offset < sizeof(EntryRecord)) {
            problems_.add(where, "lies beyond its section");
            break;
        }
        const auto* record = reinterpret_cast<const EntryRecord*>(bytes.data() + offset);
        const std::uint32_t size = record->record_size;
        if (size < sizeof(EntryRecord) || size % alignof(EntryRecord) != 0 || size > bytes.size() - offset) {
            problems_.add(where, "size {}; it and what follows cannot be read", size);
            break;
        }
        FoundEntry found{offset, record, where, true};
        const Entry entry(*record);
        if (const char* fault = fault_of(entry, reader_.section(Section::segments))) {
            problems_.add(where, fault);
            found.well_formed = false;
        } else {
            found.where = "module " + std::string(entry.name());
            if (!names.insert(entry.name()).second) {
                problems_.add(found.where, "is there twice");
            }
        }
        check_entry(found, bytes.subspan(offset, size));
        entries_.push_back(std::move(found));
        offset += size;
    }
    const auto places = std::ranges::count_if(
        entries_, [](const FoundEntry& found) { return found.well_formed && !Entry(*found.record).has_code(); });
    if (places != static_cast<std::ptrdiff_t>(header_.places)) {
        problems_.add("header", "counts {} entries without code, there are {}", header_.places, places);
    }
    if (entries_.size() != header_.modules) {
        problems_.add("header", "counts {} modules, the entries are {}", header_.modules, entries_.size());
    }
}

void Verifier::check_entry(const FoundEntry& found, std::span<const std::byte> bytes) {
    const EntryRecord& record = *found.record;
    if (checksum(bytes.subspan(sizeof(record.checksum))) != record.checksum) {
        problems_.add(found.where, "checksum of its entry");
    }
    if (record.ordinal != entries_.size()) {
        problems_.add(found.where, "its ordinal is {} instead of {}", record.ordinal, entries_.size());
    }
    constexpr unsigned known_flags =
        entry_is_package | entry_has_cached | entry_is_contested | entry_source_checked | entry_random_hashes;
    if (record.pyc_kind > static_cast<std::uint8_t>(PycKind::elsewhere)) {
        problems_.add(found.where, "unknown kind of .pyc {}", record.pyc_kind);
    }
    if (record.home != none_index && record.home >= reader_.section(Section::directories).items) {
        problems_.add(found.where, "no such directory: {}", record.home);
    }
    if (record.reserved != 0 || (record.flags & ~known_flags) != 0) {
        problems_.add(found.where, "reserved bits of its entry are not zero");
    }
    if (record.location_count != 0 && (record.flags & entry_is_package) == 0) {
        problems_.add(found.where, "has search locations but is no package");
    }
    if (record.directory != none_index && record.directory >= reader_.section(Section::directories).items) {
        problems_.add(found.where, "was found in directory {} of {}", record.directory,
                      reader_.section(Section::directories).items);
    }
    if (found.well_formed) {
        check_texts(found);
        check_memo(found);
        check_script(found);
        check_place(found);
    }
}

// Memo entries stand behind all modules, and nothing is recorded of them that belongs to a module.
void Verifier::check_memo(const FoundEntry& found) {
    const Entry entry(*found.record);
    const EntryRecord& record = *found.record;
    if (entry.is_memo() != (header_.modules - record.ordinal <= header_.memos)) {
        problems_.add(found.where,
                      entry.is_memo() ? "a memo entry among the modules" : "a module among the memo entries");
    }
    if (!entry.is_memo()) {
        return;
    }
    const bool nothing = record.stamp == FileStamp{} && record.pyc == FileStamp{} && record.content == 0 &&
                         record.pyc_content == 0 && record.pyc_kind == 0 && record.flags == 0 &&
                         record.directory == none_index && record.home == none_index && entry.origin().empty() &&
                         entry.stamp_path().empty();
    if (!nothing) {
        problems_.add(found.where, "a memo entry with something that belongs to a module");
    }
}

// Nothing is looked up to find a main script.
void Verifier::check_script(const FoundEntry& found) {
    const Entry entry(*found.record);
    const EntryRecord& record = *found.record;
    const bool nothing = record.pyc == FileStamp{} && record.pyc_content == 0 && record.pyc_kind == 0 &&
                         (record.flags & ~entry_random_hashes) == 0 && record.directory == none_index &&
                         record.home == none_index && entry.origin() == entry.name();
    if (entry.is_script() && !nothing) {
        problems_.add(found.where, "a main script with something that belongs to a module");
    }
    if (!entry.is_script() && (record.flags & entry_random_hashes) != 0) {
        problems_.add(found.where, "wants random hashes, and is no main script");
    }
}

// A namespace package consists of its portions, an absent name of nothing.
void Verifier::check_place(const FoundEntry& found) {
    const Entry entry(*found.record);
    const EntryRecord& record = *found.record;
    const bool no_file = record.stamp == FileStamp{} && record.content == 0 && record.pyc == FileStamp{} &&
                         record.pyc_content == 0 && record.pyc_kind == 0;
    const bool nowhere = entry.origin().empty() && entry.stamp_path().empty() && record.home == none_index;
    if (!entry.has_code() && !(no_file && (nowhere || !entry.is_namespace_or_absent()))) {
        problems_.add(found.where, "a place with something that belongs to a module");
    }
    if (entry.is_namespace_or_absent() && entry.is_package() == entry.is_absent()) {
        problems_.add(found.where, entry.is_absent() ? "is absent and has portions" : "a namespace without portions");
    }
}

void Verifier::check_texts(const FoundEntry& found) {
    const Entry entry(*found.record);
    if (entry.name().empty()) {
        problems_.add(found.where, "has no name");
    }
    if (!entry.cached() && found.record->cached.size != 0) {
        problems_.add(found.where, "has a cached file, but says that it has none");
    }
    bool nul = holds_nul(entry.text(found.record->cached));
    for (const std::string_view text : {entry.name(), entry.origin(), entry.stamp_path()}) {
        nul = nul || holds_nul(text);
    }
    for (const TextRef location : entry.location_refs()) {
        nul = nul || holds_nul(entry.text(location));
    }
    if (nul) {
        problems_.add(found.where, "a NUL byte in its text");
    }
}

Verifier::FoundEntry* Verifier::entry_at(std::uint64_t offset) {
    const auto at =
        std::lower_bound(entries_.begin(), entries_.end(), offset,
                         [](const FoundEntry& entry, std::uint64_t wanted) { return entry.offset < wanted; });
    return at != entries_.end() && at->offset == offset ? &*at : nullptr;
}

void Verifier::check_order() {
    const auto bytes = bytes_of(Section::order);
    for (std::uint32_t i = 0; i < header_.modules; ++i) {
        const auto offset = load<std::uint32_t>(bytes, i * sizeof(std::uint32_t));
        const bool right = i < entries_.size() && entries_[i].offset == offset;
        if (!right) {
            problems_.add("order " + std::to_string(i), "is not the place of entry {} but {x}", i, offset);
        }
    }
}

// --- index --------------------------------------------------------------------------------------------

// A name is found if no slot from its own position (given by its hash) to where it stands is empty: both then lie in
// one run of slots in use.  One round over the table, from behind an empty slot, tells for each slot where its run
// began.
void Verifier::check_index() {
    const std::uint64_t slots = reader_.section(Section::index).items;
    std::uint64_t first_empty = 0;
    while (first_empty < slots && slot_at(first_empty).entry != 0) {
        ++first_empty;
    }
    if (first_empty == slots) {
        problems_.add(name_of(Section::index), "has no empty slot");
        return;
    }
    std::uint64_t run_start = first_empty + 1;
    std::uint64_t used = 0;
    for (std::uint64_t position = first_empty; position < first_empty + slots; ++position) {
        if (slot_at(position & (slots - 1)).entry == 0) {
            run_start = position + 1;
        } else {
            ++used;
            check_slot(position, run_start);
        }
    }
    if (used != header_.modules) {
        problems_.add(name_of(Section::index), "has {} slots in use for {} modules", used, header_.modules);
    }
}

void Verifier::check_slot(std::uint64_t position, std::uint64_t run_start) {
    const std::uint64_t slots = reader_.section(Section::index).items;
    const IndexSlot slot = slot_at(position & (slots - 1));
    const std::string where = "index slot " + std::to_string(position & (slots - 1));
    FoundEntry* entry = entry_at(std::uint64_t{slot.entry - 1} * 8);
    if (entry == nullptr) {
        problems_.add(where, "names no entry");
        return;
    }
    if (std::exchange(entry->indexed, true)) {
        problems_.add(entry->where, "is named twice by the index");
    }
    if (!entry->well_formed) {
        return;
    }
    const std::uint64_t hash = checksum(std::as_bytes(std::span(Entry(*entry->record).name())));
    const std::uint64_t distance = (position - static_cast<std::uint32_t>(hash)) & (slots - 1);
    if (slot.tag != static_cast<std::uint32_t>(hash >> 32) || distance > position - run_start) {
        problems_.add(entry->where, "is not found by its name");
    }
}

// --- directories --------------------------------------------------------------------------------------

void Verifier::check_directories() {
    const std::uint32_t items = reader_.section(Section::directories).items;
    std::vector<bool> positions(items);
    for (std::uint32_t i = 0; i < items; ++i) {
        check_directory(i, positions);
    }
}

void Verifier::check_directory(std::uint32_t number, std::vector<bool>& positions) {
    const auto bytes = bytes_of(Section::directories);
    const auto record = load<DirectoryRecord>(bytes, number * sizeof(DirectoryRecord));
    const std::string where = "directory " + std::to_string(number);
    const std::uint64_t text_begin = positions.size() * sizeof(DirectoryRecord);
    if (record.kind > static_cast<std::uint32_t>(DirectoryKind::unstable)) {
        problems_.add(where, "unknown kind {}", record.kind);
    }
    if (record.pycache_kind > static_cast<std::uint32_t>(DirectoryKind::unstable)) {
        problems_.add(where, "unknown kind of its __pycache__ {}", record.pycache_kind);
    }
    if ((record.flags & ~std::uint32_t{directory_is_installed}) != 0) {
        problems_.add(where, "flags without a meaning");
    }
    if (record.position != none_index) {
        // The search path may name a directory twice; the first place is recorded.
        if (record.position < positions.size() && positions[record.position]) {
            problems_.add(where, "its position in the search path is another's too");
        } else if (record.position < positions.size()) {
            positions[record.position] = true;
        }
    }
    if (record.path.offset < text_begin || record.path.offset > bytes.size() ||
        record.path.size > bytes.size() - record.path.offset) {
        problems_.add(where, "bounds of its path");
    } else if (holds_nul({reinterpret_cast<const char*>(bytes.data()) + record.path.offset, record.path.size})) {
        problems_.add(where, "a NUL byte in its path");
    }
}

// --- objects ------------------------------------------------------------------------------------------

void Verifier::check_objects() {
    ObjectVerifier objects(header_, bytes_of(Section::strings), bytes_of(Section::constants), problems_);
    objects.check_blocks(bytes_of(Section::blocks));
    const SectionRecord& bounds = reader_.section(Section::segments);
    std::uint64_t end = 0;
    bool complete = true;
    for (const FoundEntry& entry : entries_) {
        if (!entry.well_formed) {
            complete = false;
            continue;
        }
        const std::uint64_t offset = entry.record->segment_offset - bounds.offset;
        if (offset < end) {
            problems_.add(entry.where, "its segment overlaps the one before it");
            complete = false;
            continue;
        }
        if (complete && offset - end >= object_alignment) {
            problems_.add(entry.where, "bytes before its segment that belong to nothing");
        }
        const std::uint64_t size = segment_size(*entry.record);
        objects.check_segment(entry.where, *entry.record, bytes_of(Section::segments).subspan(offset, size));
        end = offset + size;
    }
    if (complete && end != bounds.size) {
        problems_.add(name_of(Section::segments), "bytes behind the last segment");
    }
    objects.check_canonicals(complete);
}

}  // namespace

std::vector<std::string> verify(Reader& reader) { return Verifier(reader).run(); }

}  // namespace pycds::image
