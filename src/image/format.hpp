#pragma once

// The archive, byte by byte.  docs/format.md is the description for readers; these structs are what the code uses,
// and the static_asserts keep the two from drifting apart.  `pycds inspect` prints every field named here.
//
// Everything is little-endian.  All offsets count from the start of the file unless a field says otherwise.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pycds::image {

inline constexpr char magic[8] = {'\x89', 'P', 'y', 'C', 'D', 'S', '\r', '\n'};
inline constexpr std::uint32_t format_version = 4;

// Objects lie on 16-byte boundaries, as the runtime's own allocator places them.
inline constexpr std::size_t object_alignment = 16;

// "No such item" in a 32-bit index.
inline constexpr std::uint32_t none_index = 0xFFFFFFFF;

// The part that every future version can parse.
struct Prefix {
    char magic[8];
    std::uint32_t format_version;
    std::uint32_t header_size;      // bytes of Header, which the checksum covers
    std::uint64_t file_size;        // bytes of the whole file
    std::uint64_t header_checksum;  // of the first header_size bytes, with this field as zero
    char creator[32];               // NUL-padded text, e.g. "pycds 0.1.0"
};
static_assert(sizeof(Prefix) == 64);
static_assert(offsetof(Prefix, header_checksum) == 24);

// What must match between the interpreter that dumped and the one that attaches.
struct IdentityRecord {
    std::uint32_t version;       // PY_VERSION_HEX
    std::uint32_t pointer_size;  // bytes
    std::int32_t optimize;       // sys.flags.optimize
    std::uint32_t flags;         // IdentityFlag
    char abi[48];                // SOABI, NUL-padded
    char build[64];              // ELF build-id in hex, or "size:mtime_ns", NUL-padded
};
static_assert(sizeof(IdentityRecord) == 128);

enum IdentityFlag : std::uint32_t {
    identity_debug_ranges = 1,    // off under -X no_debug_ranges
    identity_frozen_modules = 2,  // off under -X frozen_modules=off
    identity_debug_build = 4,     // Py_DEBUG
};

struct SectionRecord {
    std::uint64_t offset;
    std::uint64_t size;
    std::uint64_t checksum;  // of the whole section; what is read alone has a checksum of its own besides
    std::uint32_t items;
    std::uint32_t reserved;
};
static_assert(sizeof(SectionRecord) == 32);

// In file order.
enum class Section : std::uint32_t {
    index,        // IndexSlot[items], items a power of two
    entries,      // EntryRecord and its text: one a module, in order of first use, then one a memo entry
    order,        // u32[items]: offset of each entry within `entries`, in order of first use
    directories,  // DirectoryRecord[items], then their text
    blocks,       // BlockRecord[items]: the blocks of `strings`, then those of `constants`
    strings,      // blocks of canonical strings and frozensets
    constants,    // blocks of constants that several modules share
    segments,     // one segment an entry, in the same order
};
inline constexpr std::size_t section_count = 8;

// The name that documents and messages use.
[[nodiscard]] constexpr std::string_view to_string(Section section) noexcept {
    constexpr std::string_view names[section_count] = {"index",  "entries", "order",     "directories",
                                                       "blocks", "strings", "constants", "segments"};
    return names[static_cast<std::size_t>(section)];
}

// What a program that starts from the archive asks for besides; options.hpp has their names.
enum ArchiveOption : std::uint32_t {
    option_startup_gc = 1,  // no collections until start-up is over
    option_fast_exit = 2,   // the heap is not torn down when the interpreter ends
};

struct Header {
    Prefix prefix;
    IdentityRecord identity;
    std::uint32_t modules;           // entries: modules and memo entries
    std::uint32_t canonicals;        // canonical strings and frozensets
    std::uint32_t string_blocks;     // how many of `blocks` belong to `strings`
    std::uint32_t shared_constants;  // constants in `constants`
    std::uint32_t memos;             // how many of the entries are memo entries: the last ones
    std::uint32_t options;           // ArchiveOption
    std::uint32_t places;            // how many of the entries have no code
    std::uint32_t reserved_too;
    std::uint64_t reserved[4];
    SectionRecord sections[section_count];
};
static_assert(sizeof(Header) == 512);
static_assert(offsetof(Header, options) == 212);
static_assert(offsetof(Header, places) == 216);
static_assert(offsetof(Header, sections) == 256);

// Open addressing with linear probing; the hash is the checksum of the module's name in UTF-8.
struct IndexSlot {
    std::uint32_t tag;    // high half of the hash
    std::uint32_t entry;  // offset within `entries` / 8, plus 1; 0 marks an empty slot
};
static_assert(sizeof(IndexSlot) == 8);

// Text within a record or section: UTF-8; a file name's undecodable bytes stand as they are ("surrogateescape"), so
// that a path can be given to the operating system without decoding.
struct TextRef {
    std::uint32_t offset;  // from the start of the record (entries) or of the section (directories)
    std::uint32_t size;    // bytes
};
static_assert(sizeof(TextRef) == 8);

// What tells whether a file or directory is still as it was. All zero where there was none.
struct FileStamp {
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    std::uint64_t size = 0;  // bytes; 0 of a directory
    friend bool operator==(const FileStamp&, const FileStamp&) noexcept = default;
};
static_assert(sizeof(FileStamp) == 24);

// A memo entry is no module: it is found by what it is the result of, its name, which no module can have.  Nor is a
// script, which the interpreter runs as __main__: its name is its filename, as its code has it, and so is its origin;
// nothing is looked up to find it, and it has no .pyc.
//
// From `extension` on there is no code, only a place: where an extension module is; of which directories a namespace
// package consists (the entry's locations); of an absent name that nothing of it was found.
enum class LoaderKind : std::uint8_t {
    source,
    sourceless,
    zip,
    other,
    memo,
    script,
    extension,
    namespace_package,
    absent,
};

// The .pyc that a plain import of a module from source would have looked at, as it was at the dump (PEP 552).
enum class PycKind : std::uint8_t {
    none,       // not there, or of no use to this interpreter
    timestamp,  // valid by the source's time and size
    checked,    // hash-based, to be compared with the source
    unchecked,  // hash-based, to be believed
    elsewhere,  // the dump ran under sys.pycache_prefix: nothing is known of the one beside the source
};

enum EntryFlag : std::uint8_t {
    entry_is_package = 1,
    entry_has_cached = 2,
    entry_is_contested = 4,    // something of its name, no module then, stood before it or beside it, or instead of it
    entry_source_checked = 8,  // of a hash-based .pyc: it was compared with the source (--check-hash-based-pycs)
    entry_random_hashes = 16,  // of a script: it goes through sets of text, whose order is chance, or was at the dump
};

// One module, or memo entry.  Followed by TextRef[location_count] and the text.
struct EntryRecord {
    std::uint64_t checksum;  // of the record's bytes after this field
    std::uint32_t record_size;
    std::uint32_t ordinal;  // position in order of first use
    std::uint64_t segment_offset;
    std::uint64_t segment_checksum;
    std::uint32_t objects_size;  // bytes of objects at the start of the segment
    std::uint32_t bitmap_words;  // 64-bit words of the relocation bitmap behind them
    std::uint32_t code_count;    // code objects: u32[code_count] offsets behind the bitmap
    std::uint32_t root;          // offset within the segment of the module's code object
    FileStamp stamp;             // of the stamped file (source, sourceless .pyc, zip), as it was at the dump
    std::uint64_t content;       // checksum of the stamped file
    FileStamp pyc;               // of the .pyc beside the source
    std::uint64_t pyc_content;   // checksum of what stood behind its header; without one, of what would have been there
    std::uint8_t loader;         // LoaderKind
    std::uint8_t flags;          // EntryFlag
    std::uint8_t pyc_kind;       // PycKind
    std::uint8_t reserved;
    std::uint32_t location_count;
    std::uint32_t directory;  // index of the search entry in `directories`, or none_index
    std::uint32_t home;       // index of the directory that holds the source, or none_index
    std::uint32_t relocations;
    std::uint32_t bodies;  // offset within the segment of the objects that are needed once; objects_size: none
    TextRef name;
    TextRef origin;
    TextRef cached;
    TextRef stamp_path;
};
static_assert(sizeof(EntryRecord) == 168);
static_assert(offsetof(EntryRecord, name) == 136);

enum class DirectoryKind : std::uint32_t {
    absent,     // there was nothing of that name
    directory,  // its times decide whether names were added or removed, else its listing does
    file,       // a zip file, for example: its stamp decides
    unstable,   // changed so shortly before the dump that its times prove nothing
};

enum DirectoryFlag : std::uint32_t {
    directory_is_installed = 1,  // part of the interpreter's installation or environment
};

struct DirectoryRecord {
    FileStamp stamp;
    std::uint64_t listing;       // checksum of the names that can matter to an import (listing.hpp)
    FileStamp pycache;           // of its __pycache__
    std::uint32_t kind;          // DirectoryKind
    std::uint32_t pycache_kind;  // DirectoryKind
    std::uint32_t position;      // in sys.path at the dump, or none_index
    std::uint32_t flags;         // DirectoryFlag
    TextRef path;
};
static_assert(sizeof(DirectoryRecord) == 80);

// Words of the bitmap behind objects of that size: a bit for each 8 bytes.
[[nodiscard]] constexpr std::size_t bitmap_words_for(std::size_t objects_size) noexcept {
    return (objects_size / 8 + 63) / 64;
}

// Bytes of a module's segment: objects, bitmap, places of the code objects.
[[nodiscard]] constexpr std::uint64_t segment_size(const EntryRecord& record) noexcept {
    return std::uint64_t{record.objects_size} + std::uint64_t{record.bitmap_words} * 8 +
           std::uint64_t{record.code_count} * 4;
}

// A module's code runs once, and so does that of the classes in it; then nothing needs it any more.  With what they
// alone refer to these code objects lie at the end of their segment, from EntryRecord::bodies on, and become objects of
// the runtime's allocator, which are freed as those of an ordinary import are.  References lead to each of them from
// one other of them, and to the module's code object from none.  A class within so many others is not among them.
inline constexpr unsigned most_nested_bodies = 32;

// A run of objects with its relocation bitmap behind it, read and checked as one.
struct BlockRecord {
    std::uint64_t offset;    // within its section
    std::uint64_t checksum;  // of objects and bitmap
    std::uint32_t objects_size;
    std::uint32_t bitmap_words;
};
static_assert(sizeof(BlockRecord) == 24);

// The size up to which a block is filled; a larger object gets a block of its own.
inline constexpr std::size_t block_target_size = std::size_t{32} * 1024;

// A frozenset in a string block: its hash and layout depend on the process, so only its items are stored, in the
// order in which they are inserted.  Followed by u64[count] references (reference.hpp).
struct FrozensetRecord {
    std::uint64_t count;
    std::uint64_t reserved;
};
static_assert(sizeof(FrozensetRecord) == 16);

}  // namespace pycds::image
