// One way of being wrong each: a byte or a field is changed, and somebody must notice.

#include "image/inspect.hpp"
#include "image/reader.hpp"
#include "image/verify.hpp"
#include "specimen.hpp"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <ostream>
#include <stdexcept>

namespace pycds::image {
namespace {

using test::Bytes;
using test::entry_offset;
using test::get;
using test::MemoryFile;
using test::put;
using test::reseal;
using test::section_of;
using test::specimen;

// The entry of a module that is there.
Entry entry_of(Reader& reader, std::string_view name) {
    const auto entry = reader.find(name);
    if (!entry) {
        throw std::runtime_error(std::string(name) + " is not found");
    }
    return *entry;
}

// What `pycds verify` would print: the refusal as "reason: message", or the problems.
std::vector<std::string> findings(const Bytes& bytes) {
    try {
        const MemoryFile file(bytes);
        Reader reader(file.path());
        return verify(reader);
    } catch (const Error& error) {
        return {std::string(to_string(error.reason())) + ": " + error.what()};
    }
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
        text += line + "\n";
    }
    return text;
}

TEST(Verify, FindsNothingInAnArchiveInOrder) {
    EXPECT_EQ(joined(findings(specimen())), "");
    EXPECT_EQ(joined(findings(test::archive_of({}))), "");
    EXPECT_EQ(joined(findings(test::archive_of({"one", "two", "three"}))), "");
}

TEST(Verify, ResealingChangesNothingInAnArchiveInOrder) {
    Bytes bytes = specimen();
    reseal(bytes);
    EXPECT_EQ(bytes, specimen());
}

TEST(Verify, NoticesEveryByte) {
    const Bytes whole = specimen();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (const unsigned mask : {0x01U, 0x80U, 0xFFU}) {
            Bytes bytes = whole;
            bytes[i] ^= static_cast<std::byte>(mask);
            ASSERT_FALSE(findings(bytes).empty()) << "byte " << i << " changed by " << mask;
        }
    }
}

// A module whose own bytes are damaged is a miss, and the others are served.
TEST(Reader, DamageIsFoundWhereItIsUsed) {
    Bytes bytes = specimen();
    const auto record = get<EntryRecord>(bytes, entry_offset(bytes, 0));
    bytes[record.segment_offset] ^= std::byte{1};
    const MemoryFile file(bytes);
    Reader reader(file.path());
    EXPECT_THROW((void)reader.load_segment(entry_of(reader, "shop").record()), Error);
    EXPECT_NO_THROW((void)reader.load_segment(entry_of(reader, "shop.till").record()));
}

TEST(Reader, ADamagedBlockIsRefused) {
    for (const std::uint32_t i : {0U, 1U}) {
        Bytes bytes = specimen();
        const Section pool = i == 0 ? Section::strings : Section::constants;
        bytes[section_of(bytes, pool).offset + 20] ^= std::byte{1};
        const MemoryFile file(bytes);
        Reader reader(file.path());
        EXPECT_THROW((void)reader.load_block(pool, reader.blocks()[i]), Error);
        EXPECT_THROW((void)shared_constants(reader), Error);
    }
}

TEST(Reader, DamagedDirectoriesAndOrderAreRefused) {
    Bytes bytes = specimen();
    bytes[section_of(bytes, Section::directories).offset] ^= std::byte{1};
    bytes[section_of(bytes, Section::order).offset + 1] ^= std::byte{1};
    const MemoryFile file(bytes);
    Reader reader(file.path());
    EXPECT_THROW((void)reader.directories(), Error);
    EXPECT_THROW((void)reader.directories(), Error) << "the second time as well";
    EXPECT_THROW((void)reader.all_entries(), Error);
    EXPECT_TRUE(reader.find("shop"));
}

TEST(Verify, StaysReadableWhateverNamesHold) {
    Bytes bytes = specimen();
    const auto record = get<EntryRecord>(bytes, entry_offset(bytes, 0));
    bytes[entry_offset(bytes, 0) + record.name.offset] = std::byte{'\n'};
    reseal(bytes);
    const auto lines = findings(bytes);
    ASSERT_FALSE(lines.empty());
    for (const std::string& line : lines) {
        EXPECT_EQ(line.find('\n'), std::string::npos);
    }
}

TEST(Verify, GarbageIsReportedWithinBounds) {
    Bytes bytes = specimen();
    std::vector<std::string> names;
    names.reserve(2000);
    for (int i = 0; i < 2000; ++i) {
        names.push_back("m" + std::to_string(i));
    }
    bytes = test::archive_of(names);
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(section_of(bytes, Section::order).offset), bytes.end(),
              std::byte{0x55});
    reseal(bytes);
    const auto lines = findings(bytes);
    EXPECT_EQ(lines.size(), 1001U);
    EXPECT_NE(lines.back().find("more problems"), std::string::npos);
}

// --- one field each -----------------------------------------------------------------------------------

struct Damage {
    const char* name;
    std::function<void(Bytes&)> apply;
    const char* expected;  // part of what is found
    bool sealed = true;    // every checksum is right again
};

// Changes a field of a record that begins at `offset`.
template <typename Record, typename Field, typename Value>
void set(Bytes& bytes, std::size_t offset, Field Record::* field, Value value) {
    auto record = get<Record>(bytes, offset);
    record.*field = static_cast<Field>(value);
    put(bytes, offset, record);
}

std::function<void(Bytes&)> prefix(auto field, auto value) {
    return [=](Bytes& bytes) { set(bytes, 0, field, value); };
}
std::function<void(Bytes&)> identity(auto field, auto value) {
    return [=](Bytes& bytes) { set(bytes, offsetof(Header, identity), field, value); };
}
std::function<void(Bytes&)> header(auto field, auto value) {
    return [=](Bytes& bytes) { set(bytes, 0, field, value); };
}
std::function<void(Bytes&)> section(Section which, auto field, auto change) {
    return [=](Bytes& bytes) {
        const std::size_t at = offsetof(Header, sections) + static_cast<std::size_t>(which) * sizeof(SectionRecord);
        set(bytes, at, field, get<SectionRecord>(bytes, at).*field + change);
    };
}
std::function<void(Bytes&)> entry(std::size_t number, auto field, auto value) {
    return [=](Bytes& bytes) { set(bytes, entry_offset(bytes, number), field, value); };
}
std::function<void(Bytes&)> entry_text(TextRef EntryRecord::* text, TextRef value) {
    return [=](Bytes& bytes) { set(bytes, entry_offset(bytes, 0), text, value); };
}
std::function<void(Bytes&)> directory(std::size_t number, auto field, auto value) {
    return [=](Bytes& bytes) {
        set(bytes, section_of(bytes, Section::directories).offset + number * sizeof(DirectoryRecord), field, value);
    };
}
std::function<void(Bytes&)> block(std::size_t number, auto field, auto value) {
    return [=](Bytes& bytes) {
        set(bytes, section_of(bytes, Section::blocks).offset + number * sizeof(BlockRecord), field, value);
    };
}
// A word of a section, or of a module's segment.
std::function<void(Bytes&)> word(Section which, std::size_t offset, std::uint64_t value) {
    return [=](Bytes& bytes) { put(bytes, section_of(bytes, which).offset + offset, value); };
}
std::function<void(Bytes&)> slot(std::size_t module, std::size_t offset, Reference value) {
    return [=](Bytes& bytes) {
        put(bytes, get<EntryRecord>(bytes, entry_offset(bytes, module)).segment_offset + offset, value.bits());
    };
}
// The slots of the index that are in use, in order; swaps, or changes the first of them.
std::function<void(Bytes&)> first_slot(const std::function<void(Bytes&, std::size_t)>& change) {
    return [=](Bytes& bytes) {
        std::size_t at = section_of(bytes, Section::index).offset;
        while (get<IndexSlot>(bytes, at).entry == 0) {
            at += sizeof(IndexSlot);
        }
        change(bytes, at);
    };
}

// One behind the last kind.
const Reference unknown_runtime_kind(Reference::to_runtime(RuntimeKind::byte, 0).bits() +
                                     (std::uint64_t{runtime_values} << 3));

const std::vector<Damage>& damages() {
    // Of the specimen: shop's segment is root 0, function 48, bytes 80, size 112; shop.till's is root 0, size 48.
    // Its constants lie at 16 and 80, its strings at 0 and 32, the frozenset at 64.
    static const std::vector<Damage> all{
        // Prefix
        {"magic", [](Bytes& b) { b[1] = std::byte{'p'}; }, "foreign: "},
        {"magic_of_a_text_transfer", [](Bytes& b) { b[6] = std::byte{'\n'}; }, "foreign: "},
        {"format_version", prefix(&Prefix::format_version, 1), "format version 1, this PyCDS reads version 4"},
        {"header_size", prefix(&Prefix::header_size, 511), "damaged: "},
        {"file_size_more", prefix(&Prefix::file_size, 1U << 20), "truncated: "},
        {"file_size_less", prefix(&Prefix::file_size, 600), "sizes in the prefix"},
        {"header_checksum", prefix(&Prefix::header_checksum, 1), "header: checksum", false},
        {"creator", [](Bytes& b) { b[offsetof(Prefix, creator)] = std::byte{'X'}; }, "header: checksum", false},
        // IdentityRecord
        {"version", identity(&IdentityRecord::version, 0), "header: checksum", false},
        {"pointer_size", identity(&IdentityRecord::pointer_size, 4), "header: pointers of 4 bytes"},
        {"optimize", identity(&IdentityRecord::optimize, 2), "header: checksum", false},
        {"flags", identity(&IdentityRecord::flags, 0), "header: checksum", false},
        {"abi", [](Bytes& b) { b[offsetof(Header, identity) + 16] = std::byte{'X'}; }, "header: checksum", false},
        {"build", [](Bytes& b) { b[offsetof(Header, identity) + 64] = std::byte{'X'}; }, "header: checksum", false},
        // Header
        {"modules_more", header(&Header::modules, 3), "damaged (items of a section)"},
        {"modules_less", header(&Header::modules, 1), "damaged (items of a section)"},
        {"canonicals_more", header(&Header::canonicals, 4), "4 canonicals, of which nothing refers to 1"},
        {"canonicals_less", header(&Header::canonicals, 2), "refers to canonical 2 of 2"},
        {"canonicals_absurd", header(&Header::canonicals, 0xFFFFFFFF), "damaged (items of a section)"},
        {"string_blocks_none", header(&Header::string_blocks, 0), "section strings: bytes behind the last block"},
        {"string_blocks_more", header(&Header::string_blocks, 3), "damaged (items of a section)"},
        {"shared_constants", header(&Header::shared_constants, 3), "counts 3 shared constants, the blocks hold 2"},
        {"shared_constants_absurd", header(&Header::shared_constants, 0xFFFFFFFF), "damaged (items of a section)"},
        {"options", header(&Header::options, 4), "header: options that are not known"},
        {"options_known", header(&Header::options, 3), "header: checksum", false},
        {"header_reserved", [](Bytes& b) { b[offsetof(Header, reserved)] = std::byte{1}; }, "reserved fields"},
        // SectionRecord
        {"index_offset", section(Section::index, &SectionRecord::offset, 16), "bounds of a section"},
        {"entries_offset", section(Section::entries, &SectionRecord::offset, -16), "bounds of a section"},
        {"order_offset", section(Section::order, &SectionRecord::offset, 8), "bounds of a section"},
        {"segments_offset", section(Section::segments, &SectionRecord::offset, 16), "bounds of a section"},
        {"index_size", section(Section::index, &SectionRecord::size, -8), "items of a section"},
        {"entries_size", section(Section::entries, &SectionRecord::size, -8), "cannot be read"},
        {"order_size", section(Section::order, &SectionRecord::size, -4), "items of a section"},
        {"directories_size", section(Section::directories, &SectionRecord::size, -70), "items of a section"},
        {"blocks_size", section(Section::blocks, &SectionRecord::size, -24), "items of a section"},
        {"strings_size", section(Section::strings, &SectionRecord::size, -8), "block 0: lies beyond its section"},
        {"constants_size", section(Section::constants, &SectionRecord::size, -8), "block 1: lies beyond its section"},
        {"segments_size", section(Section::segments, &SectionRecord::size, -4), "bytes behind the last section"},
        {"section_size_absurd", section(Section::segments, &SectionRecord::size, std::int64_t{1} << 62), "bounds of a section"},
        {"index_items", section(Section::index, &SectionRecord::items, -1), "items of a section"},
        {"entries_items", section(Section::entries, &SectionRecord::items, 1), "section entries: counts 3 items instead of 2"},
        {"order_items", section(Section::order, &SectionRecord::items, 1), "items of a section"},
        {"directories_items", section(Section::directories, &SectionRecord::items, 99), "items of a section"},
        {"blocks_items", section(Section::blocks, &SectionRecord::items, 1), "items of a section"},
        {"strings_items", section(Section::strings, &SectionRecord::items, 1), "section strings: counts 2 items"},
        {"constants_items", section(Section::constants, &SectionRecord::items, 1), "section constants: counts 2 items"},
        {"segments_items", section(Section::segments, &SectionRecord::items, 1), "section segments: counts 3 items"},
        {"section_checksum", [](Bytes& b) {
             // Of the section alone, so that it is not the header's that is wrong.
             b[section_of(b, Section::order).offset] ^= std::byte{1};
         }, "section order: checksum", false},
        {"section_reserved", section(Section::order, &SectionRecord::reserved, 1), "reserved fields"},
        {"gap", [](Bytes& b) {
             const SectionRecord before = section_of(b, Section::directories);
             b[before.offset + before.size] = std::byte{1};
         }, "section blocks: bytes before it that belong to nothing"},
        // IndexSlot
        {"slot_tag", first_slot([](Bytes& b, std::size_t at) { set(b, at, &IndexSlot::tag, 7); }), "is not found by its name"},
        {"slot_entry", first_slot([](Bytes& b, std::size_t at) { set(b, at, &IndexSlot::entry, 3); }), "names no entry"},
        {"slot_entry_absurd", first_slot([](Bytes& b, std::size_t at) { set(b, at, &IndexSlot::entry, 0xFFFFFFFF); }), "names no entry"},
        {"slot_emptied", first_slot([](Bytes& b, std::size_t at) { put(b, at, IndexSlot{}); }), "1 slots in use for 2 modules"},
        {"slot_misplaced", [](Bytes& b) {
             const std::size_t index = section_of(b, Section::index).offset;
             std::rotate(b.begin() + static_cast<std::ptrdiff_t>(index), b.begin() + static_cast<std::ptrdiff_t>(index + 8),
                         b.begin() + static_cast<std::ptrdiff_t>(index + 64));
         }, "is not found by its name"},
        {"index_full", [](Bytes& b) {
             const std::size_t index = section_of(b, Section::index).offset;
             for (std::size_t i = 0; i < 8; ++i) {
                 put(b, index + i * 8, IndexSlot{1, 1});
             }
         }, "section index: has no empty slot"},
        // EntryRecord
        {"entry_checksum", entry(0, &EntryRecord::checksum, 1), "checksum of its entry", false},
        {"record_size_small", entry(0, &EntryRecord::record_size, 104), "cannot be read"},
        {"record_size_large", entry(0, &EntryRecord::record_size, 1U << 30), "cannot be read"},
        {"record_size_uneven", entry(0, &EntryRecord::record_size, 221), "cannot be read"},
        {"ordinal", entry(1, &EntryRecord::ordinal, 7), "module shop.till: its ordinal is 7 instead of 1"},
        {"segment_offset_uneven", entry(0, &EntryRecord::segment_offset, 1), "bounds of its segment"},
        {"segment_offset_outside", entry(0, &EntryRecord::segment_offset, 512), "bounds of its segment"},
        {"segment_offset_absurd", entry(0, &EntryRecord::segment_offset, ~0xFULL), "bounds of its segment"},
        {"segment_overlap", [](Bytes& b) {
             const auto first = get<EntryRecord>(b, entry_offset(b, 0));
             set(b, entry_offset(b, 1), &EntryRecord::segment_offset, first.segment_offset);
         }, "module shop.till: its segment overlaps the one before it"},
        {"segment_checksum", [](Bytes& b) {
             b[get<EntryRecord>(b, entry_offset(b, 1)).segment_offset] ^= std::byte{1};
         }, "module shop.till: checksum of the segment", false},
        {"objects_size_uneven", entry(0, &EntryRecord::objects_size, 104), "bounds of its segment"},
        {"objects_size_absurd", entry(0, &EntryRecord::objects_size, 0xFFFFFFF0), "bounds of its segment"},
        {"objects_size_less", entry(1, &EntryRecord::objects_size, 32), "module shop.till: the entry counts 5 relocations"},
        {"bitmap_words", entry(1, &EntryRecord::bitmap_words, 0), "size of its relocation bitmap"},
        {"code_count_absurd", entry(0, &EntryRecord::code_count, 0xFFFFFFFF), "bounds of its segment"},
        {"code_count_less", entry(0, &EntryRecord::code_count, 1), "lists 1 code objects, the segment has 2"},
        {"root_uneven", entry(0, &EntryRecord::root, 8), "place of its code object"},
        {"root_outside", entry(0, &EntryRecord::root, 1U << 20), "place of its code object"},
        {"root_no_code", entry(0, &EntryRecord::root, 80), "the module's code object is not at 0x50"},
        {"stamp", entry(0, &EntryRecord::stamp, FileStamp{1, 2, 3}), "checksum of its entry", false},
        {"content", entry(0, &EntryRecord::content, 1), "checksum of its entry", false},
        {"pyc", entry(0, &EntryRecord::pyc, FileStamp{1, 2, 3}), "checksum of its entry", false},
        {"pyc_content", entry(0, &EntryRecord::pyc_content, 1), "checksum of its entry", false},
        {"pyc_kind", entry(0, &EntryRecord::pyc_kind, 5), "unknown kind of .pyc 5"},
        {"loader", entry(0, &EntryRecord::loader, 99), "kind of its loader"},
        {"code_of_a_place", entry(0, &EntryRecord::loader, 6), "code where none belongs"},
        {"script", entry(0, &EntryRecord::loader, 5), "a main script with something that belongs to a module"},
        {"entry_flags", entry(0, &EntryRecord::flags, 32 | 2 | 1), "reserved bits of its entry"},
        {"random_hashes", entry(0, &EntryRecord::flags, 16 | 2 | 1), "wants random hashes, and is no main script"},
        {"no_package", entry(0, &EntryRecord::flags, 2), "has search locations but is no package"},
        {"no_cached", entry(0, &EntryRecord::flags, 1), "has a cached file, but says that it has none"},
        {"location_count", entry(0, &EntryRecord::location_count, 0xFFFF), "bounds of its text"},
        {"entry_directory", entry(0, &EntryRecord::directory, 3), "was found in directory 3 of 3"},
        {"home", entry(0, &EntryRecord::home, 3), "no such directory: 3"},
        {"relocations", entry(0, &EntryRecord::relocations, 9), "the entry counts 9 relocations, the segment has 8"},
        {"entry_reserved", entry(0, &EntryRecord::reserved, 1), "reserved bits of its entry"},
        {"bodies_uneven", entry(1, &EntryRecord::bodies, 8), "place of what is needed once"},
        {"bodies_outside", entry(1, &EntryRecord::bodies, 64), "place of what is needed once"},
        {"bodies_within_an_object", entry(1, &EntryRecord::bodies, 16), "module shop.till: what is needed once does not begin at 0x10"},
        {"bodies_without_the_root", entry(0, &EntryRecord::bodies, 48), "module shop: what is needed once does not begin at 0x30"},
        {"bodies_are_referred_to", entry(0, &EntryRecord::bodies, 48), "module shop: slot 0x10 refers to 0x30, which is needed once"},
        {"bodies_are_referred_to_twice", [](Bytes& b) {
             entry(0, &EntryRecord::bodies, 0)(b);
             slot(0, 32, Reference::to_segment(48))(b);
         }, "module shop: slot 0x20 refers to 0x30, which is needed once"},
        {"bodies_are_not_referred_to", [](Bytes& b) {
             entry(0, &EntryRecord::bodies, 0)(b);
             slot(0, 32, Reference::to_singleton(RuntimeSingleton::none))(b);
         }, "module shop: the object at 0x50 is not needed once"},
        {"bodies_hold_a_string", [](Bytes& b) {
             entry(0, &EntryRecord::bodies, 0)(b);
             slot(0, 88, Reference::to_type(RuntimeType::string))(b);
         }, "module shop: the object at 0x50 is not needed once"},
        {"bodies_refer_to_the_root", slot(1, 16, Reference::to_segment(0)), "module shop.till: the object at 0x0 is not needed once"},
        {"name_outside", entry_text(&EntryRecord::name, {1U << 20, 1}), "bounds of its text"},
        {"name_in_the_record", entry_text(&EntryRecord::name, {0, 4}), "bounds of its text"},
        {"name_size", entry_text(&EntryRecord::name, {176, 0xFFFFFFFF}), "bounds of its text"},
        {"name_empty", entry_text(&EntryRecord::name, {176, 0}), "has no name"},
        {"origin_outside", entry_text(&EntryRecord::origin, {0xFFFFFFFF, 1}), "bounds of its text"},
        {"cached_outside", entry_text(&EntryRecord::cached, {0xFFFFFFFF, 1}), "bounds of its text"},
        {"stamp_path_outside", entry_text(&EntryRecord::stamp_path, {0xFFFFFFFF, 1}), "bounds of its text"},
        {"location_outside", [](Bytes& b) { put(b, entry_offset(b, 0) + sizeof(EntryRecord), TextRef{1, 1}); }, "bounds of its text"},
        {"origin_with_nul", [](Bytes& b) {
             const auto record = get<EntryRecord>(b, entry_offset(b, 0));
             b[entry_offset(b, 0) + record.origin.offset + 3] = std::byte{0};
         }, "module shop: a NUL byte in its text"},
        {"location_with_nul", [](Bytes& b) {
             const auto location = get<TextRef>(b, entry_offset(b, 0) + sizeof(EntryRecord));
             b[entry_offset(b, 0) + location.offset] = std::byte{0};
         }, "module shop: a NUL byte in its text"},
        {"twice", [](Bytes& b) {
             const auto first = get<EntryRecord>(b, entry_offset(b, 0));
             auto second = get<EntryRecord>(b, entry_offset(b, 1));
             second.name.size = first.name.size;  // "shop" of "shop.till"
             put(b, entry_offset(b, 1), second);
         }, "module shop: is there twice"},
        // order
        {"order", [](Bytes& b) { put<std::uint32_t>(b, section_of(b, Section::order).offset + 4, 8); }, "order 1: is not the place of entry 1"},
        {"order_swapped", [](Bytes& b) {
             const std::size_t order = section_of(b, Section::order).offset;
             const auto second = get<std::uint32_t>(b, order + 4);
             put<std::uint32_t>(b, order + 4, 0);
             put(b, order, second);
         }, "order 0: is not the place of entry 0"},
        // DirectoryRecord
        {"directory_stamp", directory(0, &DirectoryRecord::stamp, FileStamp{1, 2, 3}), "section directories: checksum", false},
        {"directory_listing", directory(1, &DirectoryRecord::listing, 1), "section directories: checksum", false},
        {"directory_pycache", directory(1, &DirectoryRecord::pycache, FileStamp{1, 2, 3}), "section directories: checksum", false},
        {"directory_pycache_kind", directory(1, &DirectoryRecord::pycache_kind, 4), "directory 1: unknown kind of its __pycache__ 4"},
        {"directory_flags", directory(1, &DirectoryRecord::flags, 2), "directory 1: flags without a meaning"},
        {"directory_kind", directory(1, &DirectoryRecord::kind, 4), "directory 1: unknown kind 4"},
        {"directory_position", directory(1, &DirectoryRecord::position, 0), "directory 1: its position in the search path"},
        {"directory_path", directory(1, &DirectoryRecord::path, TextRef{1000, 1}), "directory 1: bounds of its path"},
        {"directory_path_size", directory(1, &DirectoryRecord::path, TextRef{240, 1000}), "directory 1: bounds of its path"},
        {"directory_path_in_the_records", directory(1, &DirectoryRecord::path, TextRef{0, 8}), "directory 1: bounds of its path"},
        {"directory_path_with_nul", [](Bytes& b) { b[section_of(b, Section::directories).offset + 241] = std::byte{0}; }, "directory 0: a NUL byte in its path"},
        // BlockRecord
        {"block_offset", block(0, &BlockRecord::offset, 16), "block 0: lies beyond its section"},
        {"block_offset_absurd", block(1, &BlockRecord::offset, ~0xFULL), "block 1: lies beyond its section"},
        {"block_checksum", block(1, &BlockRecord::checksum, 5), "block 1: checksum", false},
        {"block_objects_size_uneven", block(0, &BlockRecord::objects_size, 120), "block 0: lies beyond its section"},
        {"block_objects_size_less", block(1, &BlockRecord::objects_size, 112), "section constants: bytes behind the last block"},
        {"block_objects_size_absurd", block(0, &BlockRecord::objects_size, 0xFFFFFFF0), "block 0: lies beyond its section"},
        {"block_bitmap_words", block(0, &BlockRecord::bitmap_words, 0), "block 0: size of the relocation bitmap"},
        {"blocks_overlap", [](Bytes& b) {
             set(b, 0, &Header::string_blocks, 2);
             const std::size_t blocks = section_of(b, Section::blocks).offset;
             put(b, blocks + sizeof(BlockRecord), get<BlockRecord>(b, blocks));
         }, "block 1: overlaps the block before it"},
        // FrozensetRecord
        {"frozenset_count", word(Section::strings, 64, 4), "frozenset 2: slot 0x28 holds no reference"},
        {"frozenset_count_large", word(Section::strings, 64, 5), "frozenset 2: size"},
        {"frozenset_count_absurd", word(Section::strings, 64, ~0ULL), "frozenset 2: size"},
        {"frozenset_reserved", word(Section::strings, 72, 1), "frozenset 2: size"},
        {"frozenset_item_null", word(Section::strings, 80, 0), "frozenset 2: slot 0x10 holds no reference"},
        {"frozenset_item_segment", word(Section::strings, 80, Reference::to_segment(0).bits()), "refers to a segment from outside of one"},
        {"frozenset_of_itself", word(Section::strings, 80, Reference::to_frozenset(2, 64).bits()), "refers to canonical 2, which does not precede it"},
        {"frozenset_holds_its_holder", word(Section::strings, 88, Reference::to_constant(80).bits()), "constant at 0x50: holds frozenset 2, which holds a constant behind it"},
        {"frozenset_elsewhere", slot(1, 40, Reference::to_frozenset(2, 1U << 20)), "has canonical 2 in another place"},
        {"frozenset_over_a_string", [](Bytes& b) {
             word(Section::constants, 80 + 32, Reference::to_frozenset(2, 16).bits())(b);
             word(Section::strings, 16, 2)(b);
             word(Section::strings, 24, 0)(b);
             slot(1, 40, Reference::to_frozenset(2, 16))(b);
         }, "frozenset 2: overlaps other objects"},
        // bitmaps
        {"bitmap_beyond", [](Bytes& b) {
             const auto record = get<EntryRecord>(b, entry_offset(b, 1));
             b[record.segment_offset + record.objects_size + 7] |= std::byte{0x80};
         }, "module shop.till: relocation beyond the objects"},
        {"bitmap_beyond_of_a_block", word(Section::strings, 112, std::uint64_t{1} << 63), "block 0: relocation beyond the objects"},
        {"bitmap_of_no_object", word(Section::strings, 112, 0x23), "block 0: slot 0x0 is not the type of a string"},
        {"bitmap_misses_a_slot", [](Bytes& b) {
             const auto record = get<EntryRecord>(b, entry_offset(b, 1));
             b[record.segment_offset + record.objects_size] &= ~std::byte{0x02};
         }, "module shop.till: slot 0x10 belongs to no object"},
        // references
        {"reference_null", slot(0, 16, Reference{}), "module shop: slot 0x10 holds no reference"},
        {"reference_kind", slot(0, 16, Reference(6)), "module shop: slot 0x10 holds no reference"},
        {"segment_uneven", slot(0, 16, Reference::to_segment(52)), "refers to 0x34, where no object begins"},
        {"segment_within_an_object", slot(0, 16, Reference::to_segment(16)), "refers to 0x10, where no object begins"},
        {"segment_beyond", slot(0, 16, Reference::to_segment(112)), "refers to 0x70, where no object begins"},
        {"segment_absurd", slot(0, 16, Reference::to_segment(1ULL << 60)), "where no object begins"},
        {"constant_within_an_object", slot(0, 24, Reference::to_constant(32)), "the constant at 0x20, where none begins"},
        {"constant_absurd", slot(0, 24, Reference::to_constant(1ULL << 60)), "where none begins"},
        {"constant_of_itself", word(Section::constants, 40, Reference::to_constant(16).bits()), "block 1: slot 0x28 refers to the constant at 0x10, which does not precede it"},
        {"constant_ahead", word(Section::constants, 40, Reference::to_constant(80).bits()), "which does not precede it"},
        {"constant_code", word(Section::constants, 24, Reference::to_type(RuntimeType::code).bits()), "makes a code object a shared constant"},
        {"string_number", slot(0, 64, Reference::to_string(3, 32)), "refers to canonical 3 of 3"},
        {"string_in_two_places", slot(1, 24, Reference::to_string(0, 32)), "has canonical 0 in another place"},
        {"string_within_an_object", slot(0, 64, Reference::to_string(1, 48)), "the string at 0x30, where none begins"},
        {"string_is_a_frozenset", slot(0, 64, Reference::to_string(1, 64)), "the string at 0x40, where none begins"},
        {"string_absurd", slot(0, 64, Reference::to_string(1, 1ULL << 36)), "where none begins"},
        {"strings_out_of_order", slot(0, 64, Reference::to_string(1, 0)), "canonical 1: does not lie behind the one before it"},
        {"string_type", word(Section::strings, 8, Reference::to_type(RuntimeType::bytes).bits()), "block 0: slot 0x8 is not the type of a string"},
        {"type_unknown", slot(0, 8, Reference::to_runtime(RuntimeKind::type, 8)), "module shop: slot 0x8 belongs to no object"},
        {"type_in_a_slot", slot(0, 16, Reference::to_type(RuntimeType::code)), "refers to a type, but no object begins there"},
        {"runtime_kind", slot(0, 16, unknown_runtime_kind), "refers to nothing that the runtime owns"},
        {"runtime_bits", slot(0, 16, Reference(Reference::to_singleton(RuntimeSingleton::none).bits() | (1ULL << 31))), "refers to nothing that the runtime owns"},
        {"singleton", slot(0, 16, Reference::to_runtime(RuntimeKind::singleton, 7)), "refers to nothing that the runtime owns"},
        {"singleton_negative", slot(0, 16, Reference::to_runtime(RuntimeKind::singleton, -1)), "refers to nothing that the runtime owns"},
        {"character", slot(0, 16, Reference::to_runtime(RuntimeKind::character, 256)), "refers to nothing that the runtime owns"},
        {"interned_char", slot(0, 16, Reference::to_runtime(RuntimeKind::interned_char, -1)), "refers to nothing that the runtime owns"},
        {"byte", slot(0, 16, Reference::to_runtime(RuntimeKind::byte, 256)), "refers to nothing that the runtime owns"},
        // code offsets
        {"code_offset", [](Bytes& b) {
             const auto record = get<EntryRecord>(b, entry_offset(b, 0));
             put<std::uint32_t>(b, record.segment_offset + record.objects_size + std::uint64_t{record.bitmap_words} * 8 + 4, 80);
         }, "module shop: no further code object at 0x50"},
        {"code_offset_twice", [](Bytes& b) {
             const auto record = get<EntryRecord>(b, entry_offset(b, 0));
             put<std::uint32_t>(b, record.segment_offset + record.objects_size + std::uint64_t{record.bitmap_words} * 8 + 4, 0);
         }, "module shop: no further code object at 0x0"},
    };
    return all;
}

void PrintTo(const Damage& damage, std::ostream* stream) { *stream << damage.name; }

class DamageTest : public testing::TestWithParam<Damage> {};

TEST_P(DamageTest, IsFound) {
    const Damage& damage = GetParam();
    Bytes bytes = specimen();
    damage.apply(bytes);
    ASSERT_NE(bytes, specimen()) << "nothing was changed";
    if (damage.sealed) {
        reseal(bytes);
    }
    const std::string found = joined(findings(bytes));
    EXPECT_NE(found.find(damage.expected), std::string::npos) << "found:\n" << found;
}

INSTANTIATE_TEST_SUITE_P(Fields, DamageTest, testing::ValuesIn(damages()),
                         [](const testing::TestParamInfo<Damage>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pycds::image
