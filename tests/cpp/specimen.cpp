#include "specimen.hpp"

#include "image/checksum.hpp"
#include "image/reader.hpp"
#include "image/verify.hpp"
#include "image/writer.hpp"

#include <initializer_list>
#include <span>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace pycds::image::test {

namespace {

constexpr std::uint64_t refcount = 0x10000;
constexpr std::size_t collector_header = 16;

// An object: reference count, type, then words.
std::size_t append_object(ExtentBuilder& extent, RuntimeType type, std::initializer_list<std::uint64_t> words,
                          std::size_t prefix = 0) {
    std::vector<std::uint64_t> object{refcount, 0};
    object.insert(object.end(), words);
    const std::size_t offset = extent.append(std::as_bytes(std::span(object)), prefix);
    extent.set_reference(offset + 8, Reference::to_type(type));
    return offset;
}

std::uint64_t text_word(std::string_view text) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), std::min(text.size(), sizeof(word)));
    return word;
}

std::size_t append_string(ExtentBuilder& extent, std::string_view text) {
    return append_object(extent, RuntimeType::string, {text.size(), text_word(text)});
}

IdentityRecord identity() {
    IdentityRecord record{};
    record.version = 0x030B07F0;
    record.pointer_size = 8;
    record.flags = identity_debug_ranges | identity_frozen_modules;
    std::memcpy(record.abi, "cpython-311-x86_64-linux-gnu", 28);
    std::memcpy(record.build, "00112233445566778899aabbccddeeff00112233", 40);
    return record;
}

// What both modules share.
struct Pools {
    ExtentBuilder strings;
    ExtentBuilder constants;
    Reference greet;
    Reference name;
    Reference set;    // {"greet", ("greet", None), 7}
    Reference pair;   // ("greet", None)
    Reference outer;  // (pair, set)
};

Pools make_pools() {
    Pools pools;
    const std::size_t pair = append_object(pools.constants, RuntimeType::tuple, {2, 0, 0}, collector_header);
    const std::size_t outer = append_object(pools.constants, RuntimeType::tuple, {2, 0, 0}, collector_header);
    pools.greet = Reference::to_string(0, append_string(pools.strings, "greet"));
    pools.name = Reference::to_string(1, append_string(pools.strings, "name"));
    pools.pair = Reference::to_constant(pair);
    pools.outer = Reference::to_constant(outer);
    const std::uint64_t record[] = {3, 0, pools.greet.bits(), pools.pair.bits(),
                                    Reference::to_runtime(RuntimeKind::small_int, 7).bits()};
    pools.set = Reference::to_frozenset(2, pools.strings.append(std::as_bytes(std::span(record))));
    pools.constants.set_reference(pair + 24, pools.greet);
    pools.constants.set_reference(pair + 32, Reference::to_singleton(RuntimeSingleton::none));
    pools.constants.set_reference(outer + 24, pools.pair);
    pools.constants.set_reference(outer + 32, pools.set);
    return pools;
}

// All of it needed once, or nothing.
enum class Needed { once, for_ever };

Segment finish(ExtentBuilder& extent, std::vector<std::uint32_t> code_offsets, Needed needed) {
    Segment segment{extent.finish(), std::move(code_offsets), 0, 0};
    segment.bodies = needed == Needed::once ? 0 : segment.extent.objects_size;
    return segment;
}

// Code that holds a function's code, a shared constant, and bytes of its own.
Segment package_segment(const Pools& pools) {
    ExtentBuilder extent;
    const std::size_t root = append_object(extent, RuntimeType::code, {0, 0, 0});
    const std::size_t function = append_object(extent, RuntimeType::code, {0, 0});
    const std::size_t line_table = append_object(extent, RuntimeType::bytes, {3, text_word("abc")});
    extent.set_reference(root + 16, Reference::to_segment(function));
    extent.set_reference(root + 24, pools.outer);
    extent.set_reference(root + 32, Reference::to_segment(line_table));
    extent.set_reference(function + 16, pools.name);
    extent.set_reference(function + 24, Reference::to_runtime(RuntimeKind::interned_char, 'x'));
    return finish(extent, {static_cast<std::uint32_t>(root), static_cast<std::uint32_t>(function)}, Needed::for_ever);
}

Segment module_segment(const Pools& pools) {
    ExtentBuilder extent;
    const std::size_t root = append_object(extent, RuntimeType::code, {0, 0, 0, 0});
    extent.set_reference(root + 16, pools.pair);
    extent.set_reference(root + 24, pools.greet);
    extent.set_reference(root + 32, Reference::to_runtime(RuntimeKind::byte, 255));
    extent.set_reference(root + 40, pools.set);
    return finish(extent, {static_cast<std::uint32_t>(root)}, Needed::once);
}

template <typename Record>
bool holds(const SectionRecord& bounds, const Bytes& file, std::uint64_t offset) {
    return bounds.offset <= file.size() && bounds.size <= file.size() - bounds.offset && offset <= bounds.size &&
           sizeof(Record) <= bounds.size - offset;
}

std::uint64_t checksum_at(const Bytes& file, std::uint64_t offset, std::uint64_t size) {
    return checksum(std::span(file).subspan(offset, size));
}

bool within(const Bytes& file, std::uint64_t offset, std::uint64_t size) {
    return offset <= file.size() && size <= file.size() - offset;
}

void reseal_blocks(Bytes& file, const Header& header) {
    const SectionRecord& blocks = header.sections[static_cast<std::size_t>(Section::blocks)];
    for (std::uint64_t at = 0; holds<BlockRecord>(blocks, file, at); at += sizeof(BlockRecord)) {
        const bool of_strings = at / sizeof(BlockRecord) < header.string_blocks;
        const Section pool = of_strings ? Section::strings : Section::constants;
        auto block = get<BlockRecord>(file, blocks.offset + at);
        const std::uint64_t begin = header.sections[static_cast<std::size_t>(pool)].offset + block.offset;
        const std::uint64_t size = std::uint64_t{block.objects_size} + std::uint64_t{block.bitmap_words} * 8;
        if (within(file, begin, size)) {
            block.checksum = checksum_at(file, begin, size);
            put(file, blocks.offset + at, block);
        }
    }
}

void reseal_entries(Bytes& file, const Header& header) {
    const SectionRecord& entries = header.sections[static_cast<std::size_t>(Section::entries)];
    for (std::uint64_t at = 0; holds<EntryRecord>(entries, file, at);) {
        auto record = get<EntryRecord>(file, entries.offset + at);
        if (within(file, record.segment_offset, segment_size(record))) {
            record.segment_checksum = checksum_at(file, record.segment_offset, segment_size(record));
            put(file, entries.offset + at, record);
        }
        if (record.record_size < sizeof(record) || record.record_size > entries.size - at) {
            return;
        }
        record.checksum = checksum_at(file, entries.offset + at + 8, record.record_size - 8);
        put(file, entries.offset + at, record);
        at += record.record_size;
    }
}

// Times are told apart by their last digits.
constexpr std::int64_t moment = 1'700'000'000'000'000'000;

void add_directories(Writer& writer) {
    writer.add_directory({"/srv/app", {DirectoryKind::directory, {moment + 1, moment + 11, 0}}, 0x1111, {}, 0, false});
    writer.add_directory({"/srv/lib.zip", {DirectoryKind::file, {moment + 2, moment + 12, 4321}}, 0, {}, 1, true});
    writer.add_directory({"/srv/app/shop",
                          {DirectoryKind::directory, {moment + 3, moment + 13, 0}},
                          0x3333,
                          {DirectoryKind::directory, {moment + 6, moment + 16, 0}},
                          none_index,
                          false});
}

ModuleDescription package_description() {
    ModuleDescription description;
    description.name = "shop";
    description.origin = description.stamp_path = "/srv/app/shop/__init__.py";
    description.cached = "/srv/app/shop/__pycache__/__init__.pyc";
    description.locations = {"/srv/app/shop"};
    description.stamp = {moment + 4, moment + 14, 100};
    description.content = 0x4444;
    description.pyc_kind = PycKind::checked;
    description.pyc = {moment + 7, moment + 17, 700};
    description.pyc_content = 0x7777;
    description.source_checked = true;
    description.directory = 0;
    description.home = 2;
    return description;
}

ModuleDescription module_description() {
    ModuleDescription description;
    description.name = "shop.till";
    description.origin = description.stamp_path = "/srv/app/shop/till.pyc";
    description.loader = LoaderKind::sourceless;
    description.stamp = {moment + 5, moment + 15, 200};
    description.content = 0x5555;
    description.contested = true;
    description.directory = 2;
    description.home = 2;
    return description;
}

}  // namespace

Bytes specimen() {
    Pools pools = make_pools();
    Writer writer(identity(), "specimen");
    add_directories(writer);
    const Segment package = package_segment(pools);
    const Segment module = module_segment(pools);
    const Blocks strings{pools.strings.finish()};
    const Blocks constants{pools.constants.finish()};
    writer.add_module(package_description(), package);
    writer.add_module(module_description(), module);
    writer.set_pools(strings, constants, 3, 2);
    return writer.finish();
}

Bytes archive_of(const std::vector<std::string>& names) {
    Writer writer(identity(), "specimen");
    for (const std::string& name : names) {
        ExtentBuilder extent;
        (void)append_object(extent, RuntimeType::code, {});
        ModuleDescription description;
        description.name = name;
        description.origin = "/" + name;
        description.stamp_path = description.origin;
        writer.add_module(description, finish(extent, {0}, Needed::once));
    }
    writer.set_pools({}, {}, 0, 0);
    return writer.finish();
}

void reseal(Bytes& file) {
    if (file.size() < sizeof(Header)) {
        return;
    }
    auto header = get<Header>(file, 0);
    reseal_blocks(file, header);
    reseal_entries(file, header);
    for (SectionRecord& section : header.sections) {
        if (within(file, section.offset, section.size)) {
            section.checksum = checksum_at(file, section.offset, section.size);
        }
    }
    header.prefix.header_checksum = 0;
    header.prefix.header_checksum = checksum(std::as_bytes(std::span(&header, 1)));
    put(file, 0, header);
}

std::size_t entry_offset(const Bytes& file, std::size_t number) {
    return section_of(file, Section::entries).offset +
           get<std::uint32_t>(file, section_of(file, Section::order).offset + number * sizeof(std::uint32_t));
}

MemoryFile::MemoryFile(const Bytes& bytes) : descriptor_(::memfd_create("archive", MFD_CLOEXEC)) {
    const auto size = static_cast<ssize_t>(bytes.size());
    if (descriptor_ < 0 || ::pwrite(descriptor_, bytes.data(), bytes.size(), 0) != size) {
        throw std::runtime_error("no file in memory could be made");
    }
}

MemoryFile::~MemoryFile() { ::close(descriptor_); }

std::string MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

std::string problems_of(Bytes file) {
    reseal(file);
    try {
        const MemoryFile place(file);
        Reader reader(place.path());
        std::string text;
        for (const std::string& line : verify(reader)) {
            text += line + "\n";
        }
        return text;
    } catch (const Error& error) {
        return std::string(to_string(error.reason())) + ": " + error.what();
    }
}

void change_entry(Bytes& file, std::size_t number, const std::function<void(EntryRecord&)>& change) {
    auto record = get<EntryRecord>(file, entry_offset(file, number));
    change(record);
    put(file, entry_offset(file, number), record);
}

}  // namespace pycds::image::test
