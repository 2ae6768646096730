#include "image/reader.hpp"

#include "image/checksum.hpp"
#include "image/inspect.hpp"
#include "image/slots.hpp"
#include "image/writer.hpp"
#include "specimen.hpp"

#include <gtest/gtest.h>
#include <stdexcept>
#include <unistd.h>

namespace pycds::image {
namespace {

using test::archive_of;
using test::Bytes;
using test::get;
using test::MemoryFile;
using test::section_of;
using test::specimen;

std::uint64_t hash_of(std::string_view name) { return checksum(std::as_bytes(std::span(name))); }

// The entry of a module that is there.
Entry entry_of(Reader& reader, std::string_view name) {
    const auto entry = reader.find(name);
    if (!entry) {
        throw std::runtime_error(std::string(name) + " is not found");
    }
    return *entry;
}

std::vector<Reference> slots_of(const Extent& extent) {
    std::vector<Reference> slots;
    for_each_slot(extent.objects, std::as_bytes(extent.bitmap),
                  [&](std::size_t, Reference reference) { slots.push_back(reference); });
    return slots;
}

Reason reason_for(const Bytes& bytes) {
    try {
        const MemoryFile file(bytes);
        const Reader reader(file.path());
    } catch (const Error& error) {
        return error.reason();
    }
    ADD_FAILURE() << "opened";
    return Reason::unsupported;
}

// --- what was written is what is read -------------------------------------------------------------------

TEST(Reader, HeaderIsTheWriters) {
    const MemoryFile file(specimen());
    const Reader reader(file.path());
    const Header& header = reader.header();
    EXPECT_EQ(header.prefix.format_version, format_version);
    EXPECT_EQ(std::string_view(header.prefix.creator), "specimen");
    EXPECT_EQ(header.prefix.file_size, specimen().size());
    EXPECT_EQ(header.identity.version, 0x030B07F0U);
    EXPECT_EQ(std::string_view(header.identity.abi), "cpython-311-x86_64-linux-gnu");
    EXPECT_EQ(header.modules, 2U);
    EXPECT_EQ(header.canonicals, 3U);
    EXPECT_EQ(header.string_blocks, 1U);
    EXPECT_EQ(header.shared_constants, 2U);
}

TEST(Reader, EntryOfAPackage) {
    const MemoryFile file(specimen());
    Reader reader(file.path());
    const auto entry = reader.find("shop");
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->name(), "shop");
    EXPECT_EQ(entry->origin(), "/srv/app/shop/__init__.py");
    EXPECT_EQ(entry->cached(), "/srv/app/shop/__pycache__/__init__.pyc");
    EXPECT_EQ(entry->stamp_path(), "/srv/app/shop/__init__.py");
    EXPECT_TRUE(entry->is_package());
    ASSERT_EQ(entry->location_refs().size(), 1U);
    EXPECT_EQ(entry->text(entry->location_refs()[0]), "/srv/app/shop");
    EXPECT_EQ(entry->record().loader, static_cast<std::uint8_t>(LoaderKind::source));
    EXPECT_EQ(entry->record().stamp, (FileStamp{1'700'000'000'000'000'004, 1'700'000'000'000'000'014, 100}));
    EXPECT_EQ(entry->record().content, 0x4444U);
    EXPECT_EQ(entry->record().pyc_kind, static_cast<std::uint8_t>(PycKind::checked));
    EXPECT_EQ(entry->record().pyc, (FileStamp{1'700'000'000'000'000'007, 1'700'000'000'000'000'017, 700}));
    EXPECT_EQ(entry->record().pyc_content, 0x7777U);
    EXPECT_EQ(entry->record().flags, entry_is_package | entry_has_cached | entry_source_checked);
    EXPECT_EQ(entry->record().home, 2U);
    EXPECT_EQ(entry->record().directory, 0U);
    EXPECT_EQ(entry->record().ordinal, 0U);
    EXPECT_EQ(entry->record().code_count, 2U);
    EXPECT_EQ(entry->record().relocations, 8U);
}

TEST(Reader, EntryOfASourcelessModule) {
    const MemoryFile file(specimen());
    Reader reader(file.path());
    const auto entry = reader.find("shop.till");
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->cached(), std::nullopt);
    EXPECT_FALSE(entry->is_package());
    EXPECT_TRUE(entry->location_refs().empty());
    EXPECT_EQ(entry->record().loader, static_cast<std::uint8_t>(LoaderKind::sourceless));
    EXPECT_EQ(entry->record().ordinal, 1U);
}

TEST(Reader, EntriesAreInOrderOfFirstUse) {
    const std::vector<std::string> names{"zebra", "apple", "mango", "apple.pie"};
    const MemoryFile file(archive_of(names));
    Reader reader(file.path());
    std::vector<std::string> found;
    for (const Entry& entry : reader.all_entries()) {
        found.emplace_back(entry.name());
    }
    EXPECT_EQ(found, names);
}

TEST(Reader, Directories) {
    const MemoryFile file(specimen());
    Reader reader(file.path());
    const auto directories = reader.directories();
    ASSERT_EQ(directories.size(), 3U);
    EXPECT_EQ(reader.directory_path(directories[0]), "/srv/app");
    EXPECT_EQ(reader.directory_path(directories[1]), "/srv/lib.zip");
    EXPECT_EQ(reader.directory_path(directories[2]), "/srv/app/shop");
    EXPECT_EQ(directories[0].position, 0U);
    EXPECT_EQ(directories[1].kind, static_cast<std::uint32_t>(DirectoryKind::file));
    EXPECT_EQ(directories[1].stamp, (FileStamp{1'700'000'000'000'000'002, 1'700'000'000'000'000'012, 4321}));
    EXPECT_EQ(directories[1].flags, directory_is_installed);
    EXPECT_EQ(directories[2].position, none_index);
    EXPECT_EQ(directories[2].listing, 0x3333U);
    EXPECT_EQ(directories[2].pycache, (FileStamp{1'700'000'000'000'000'006, 1'700'000'000'000'000'016, 0}));
    EXPECT_EQ(directories[2].pycache_kind, static_cast<std::uint32_t>(DirectoryKind::directory));
}

TEST(Reader, SegmentIsAsItWasBuilt) {
    const MemoryFile file(specimen());
    Reader reader(file.path());
    const Extent extent = reader.load_segment(entry_of(reader, "shop").record());
    const std::vector<Reference> expected{
        Reference::to_type(RuntimeType::code),
        Reference::to_segment(48),
        Reference::to_constant(80),
        Reference::to_segment(80),
        Reference::to_type(RuntimeType::code),
        Reference::to_string(1, 32),
        Reference::to_runtime(RuntimeKind::interned_char, 'x'),
        Reference::to_type(RuntimeType::bytes),
    };
    EXPECT_EQ(slots_of(extent), expected);
    ASSERT_EQ(extent.code_offsets.size(), 2U);
    EXPECT_EQ(extent.code_offsets[0], 0U);
    EXPECT_EQ(extent.code_offsets[1], 48U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(extent.objects.data()) % object_alignment, 0U);
}

TEST(Reader, BlocksAreAsTheyWereBuilt) {
    const MemoryFile file(specimen());
    Reader reader(file.path());
    ASSERT_EQ(reader.blocks().size(), 2U);
    const std::vector<Reference> strings{Reference::to_type(RuntimeType::string),
                                         Reference::to_type(RuntimeType::string)};
    EXPECT_EQ(slots_of(reader.load_block(Section::strings, reader.blocks()[0])), strings);
    const std::vector<Reference> constants{Reference::to_type(RuntimeType::tuple),
                                           Reference::to_string(0, 0),
                                           Reference::to_singleton(RuntimeSingleton::none),
                                           Reference::to_type(RuntimeType::tuple),
                                           Reference::to_constant(16),
                                           Reference::to_frozenset(2, 64)};
    EXPECT_EQ(slots_of(reader.load_block(Section::constants, reader.blocks()[1])), constants);
}

TEST(Reader, AnArchiveOfNothing) {
    const MemoryFile file(archive_of({}));
    Reader reader(file.path());
    EXPECT_EQ(reader.find("anything"), std::nullopt);
    EXPECT_TRUE(reader.all_entries().empty());
    EXPECT_TRUE(reader.directories().empty());
    EXPECT_TRUE(reader.blocks().empty());
    EXPECT_TRUE(shared_constants(reader).objects.empty());
}

TEST(Writer, SameInputSameBytes) { EXPECT_EQ(specimen(), specimen()); }

TEST(Writer, RefusesWhatDoesNotFitTheHeader) {
    EXPECT_THROW(Writer(IdentityRecord{}, std::string(32, 'x')), std::length_error);
    EXPECT_NO_THROW(Writer(IdentityRecord{}, std::string(31, 'x')));
}

TEST(Writer, BlocksBeginOnBoundaries) {
    EXPECT_EQ(block_starts({}), std::vector<std::uint64_t>{});
    EXPECT_EQ(block_starts({24, 8, 16, 1}), (std::vector<std::uint64_t>{0, 32, 48, 64}));
}

// --- the index ----------------------------------------------------------------------------------------

TEST(Index, FindsEachOfManyAndNothingElse) {
    std::vector<std::string> names;
    names.reserve(3000);
    for (int i = 0; i < 3000; ++i) {
        names.push_back("package" + std::to_string(i % 7) + ".module" + std::to_string(i));
    }
    const MemoryFile file(archive_of(names));
    Reader reader(file.path());
    for (const std::string& name : names) {
        const auto entry = reader.find(name);
        ASSERT_TRUE(entry) << name;
        EXPECT_EQ(entry->name(), name);
        EXPECT_EQ(reader.find(name + "x"), std::nullopt);
        EXPECT_EQ(reader.find(std::string_view(name).substr(1)), std::nullopt);
    }
    EXPECT_EQ(reader.find(""), std::nullopt);
    EXPECT_EQ(reader.find(std::string("package0.module0\0", 17)), std::nullopt);
}

TEST(Index, NamesAreBytes) {
    const std::vector<std::string> names{"größe", "模块", "\xED\xB2\x80"};
    const MemoryFile file(archive_of(names));
    Reader reader(file.path());
    for (const std::string& name : names) {
        ASSERT_TRUE(reader.find(name));
        EXPECT_EQ(entry_of(reader, name).name(), name);
    }
}

// Found by search: names of one tag that begin their probing at one slot of eight, the second pair at the last.
constexpr std::pair<const char*, const char*> colliding[] = {{"m18567", "m138374"}, {"m59381", "m1834093"}};

TEST(Index, TellsCollidingNamesApart) {
    for (const auto& [one, other] : colliding) {
        ASSERT_EQ(hash_of(one) >> 32, hash_of(other) >> 32);
        ASSERT_EQ(hash_of(one) & 7, hash_of(other) & 7);
        const MemoryFile both(archive_of({one, other}));
        Reader reader(both.path());
        ASSERT_EQ(reader.section(Section::index).items, 8U);
        EXPECT_EQ(entry_of(reader, one).name(), one);
        EXPECT_EQ(entry_of(reader, other).name(), other);
    }
}

TEST(Index, ACollidingNameThatIsNotThereIsNotFound) {
    for (const auto& [one, other] : colliding) {
        const MemoryFile only(archive_of({one}));
        Reader reader(only.path());
        EXPECT_EQ(reader.find(other), std::nullopt);
        EXPECT_EQ(entry_of(reader, one).name(), one);
    }
}

TEST(Index, ProbingGoesRoundTheEnd) {
    const auto& [one, other] = colliding[1];
    const Bytes bytes = archive_of({one, other});
    const std::size_t index = section_of(bytes, Section::index).offset;
    EXPECT_EQ(get<IndexSlot>(bytes, index + 7 * sizeof(IndexSlot)).entry, 1U);
    EXPECT_NE(get<IndexSlot>(bytes, index).entry, 0U);
}

// What was verified stays as it was verified: nothing that was read is read again.
TEST(Reader, BytesOnceReadDoNotChangeWithTheFile) {
    const MemoryFile file(specimen());
    Reader reader(file.path());
    const auto before = reader.find("shop");
    ASSERT_TRUE(before);
    Bytes changed = specimen();
    std::fill(changed.begin() + sizeof(Header), changed.end(), std::byte{0xFF});
    const int descriptor = std::stoi(file.path().substr(file.path().rfind('/') + 1));
    ASSERT_EQ(::pwrite(descriptor, changed.data(), changed.size(), 0), static_cast<ssize_t>(changed.size()));
    EXPECT_EQ(entry_of(reader, "shop").name(), "shop");
    EXPECT_EQ(before->origin(), "/srv/app/shop/__init__.py");
    EXPECT_EQ(entry_of(reader, "shop.till").name(), "shop.till");
    EXPECT_EQ(reader.find("shop.missing"), std::nullopt);
}

// --- shared constants ---------------------------------------------------------------------------------

TEST(SharedConstants, UsesAreCountedThroughWhatHoldsThem) {
    const MemoryFile file(specimen());
    Reader reader(file.path());
    const SharedConstants shared = shared_constants(reader);
    ASSERT_EQ(shared.objects.size(), 2U);
    // ("greet", None): by shop through the tuple and the frozenset, by shop.till itself; each module counts once.
    EXPECT_EQ(shared.objects[0].type, RuntimeType::tuple);
    EXPECT_EQ(shared.objects[0].offset, 16U);
    EXPECT_EQ(shared.objects[0].size, 64U);
    EXPECT_EQ(shared.objects[0].uses, 2U);
    EXPECT_EQ(shared.objects[1].offset, 80U);
    EXPECT_EQ(shared.objects[1].size, 64U);
    EXPECT_EQ(shared.objects[1].uses, 1U);
}

// --- files that are cut off ---------------------------------------------------------------------------

TEST(Reader, AFileCutOffAnywhereIsRefused) {
    const Bytes whole = specimen();
    EXPECT_EQ(reason_for({}), Reason::empty);
    for (std::size_t size = 1; size < whole.size(); ++size) {
        ASSERT_EQ(reason_for(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
                  Reason::truncated)
            << "at " << size;
    }
}

TEST(Reader, AFileWithMoreBehindItIsRefused) {
    Bytes longer = specimen();
    longer.push_back(std::byte{0});
    EXPECT_EQ(reason_for(longer), Reason::damaged);
}

TEST(Reader, FilesOfOtherKinds) {
    const auto file_of = [](std::string_view text, std::size_t size) {
        Bytes bytes(size);
        std::memcpy(bytes.data(), text.data(), std::min(text.size(), size));
        return bytes;
    };
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{7}, std::size_t{63}, std::size_t{64}, std::size_t{5000}}) {
        EXPECT_EQ(reason_for(file_of("\x7F"
                                     "ELF",
                                     size)),
                  Reason::foreign);
        EXPECT_EQ(reason_for(file_of("# not an archive", size)), Reason::foreign);
        EXPECT_EQ(reason_for(Bytes(size)), Reason::foreign);
    }
}

}  // namespace
}  // namespace pycds::image
