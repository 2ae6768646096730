// The checks of a snapshot's header and tables: one way of being wrong each, and somebody must notice.

#include "snapshot_specimen.hpp"

#include "../fuzz/exercise_snapshot.hpp"

#include <gtest/gtest.h>
#include <random>

namespace pycds::snapshot {
namespace {

using test::Bytes;
using test::fault_of;
using test::fault_with;
using test::fault_with_header;
using test::specimen;

enum Place : std::size_t { code, heap, zeros, library, stack };  // mappings of the specimen

Fault with_mapping(Place place, const std::function<void(MappingRecord&)>& change) {
    return fault_with<MappingRecord>(Table::mappings, place, change);
}

TEST(Snapshot, InOrder) { EXPECT_EQ(fault_of(specimen()), Fault::none); }

TEST(Snapshot, NoticesEveryByte) {
    const Bytes whole = specimen();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (const unsigned mask : {0x01U, 0x80U, 0xFFU}) {
            Bytes bytes = whole;
            bytes[i] ^= static_cast<std::byte>(mask);
            ASSERT_NE(fault_of(bytes), Fault::none) << "byte " << i << " changed by " << mask;
        }
    }
}

TEST(Snapshot, NoticesEveryTruncation) {
    const Bytes whole = specimen();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        ASSERT_NE(fault_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), Fault::none) << size;
    }
    Bytes longer = whole;
    longer.resize(whole.size() + page_size);
    EXPECT_EQ(fault_of(longer), Fault::truncated);
}

TEST(Snapshot, TellsAnotherKindAndAnotherVersion) {
    EXPECT_EQ(fault_with_header([](Header& header) { header.magic[0] = 'x'; }), Fault::foreign);
    EXPECT_EQ(fault_with_header([](Header& header) { header.format_version += 1; }), Fault::format_version);
}

TEST(Snapshot, HeaderFields) {
    const std::function<void(Header&)> changes[] = {
        [](Header& header) { header.header_size -= 8; },
        [](Header& header) { header.payload += page_size; },
        [](Header& header) { header.tables_end += 8; },
        [](Header& header) { header.tables[1].offset += 8; },
        [](Header& header) { header.tables[0].items = ~std::uint64_t{0}; },
        [](Header& header) { header.mapped_files = 3; },
        [](Header& header) { header.machine.made_by = 1000; },
        [](Header& header) { header.machine.terminals = 2; },
        [](Header& header) { header.machine.kernel_text = 1000; },
        [](Header& header) { header.vdso += page_size; },
        [](Header& header) { header.specials[1].end = header.specials[1].begin; },
        [](Header& header) { std::swap(header.specials[0], header.specials[1]); },
        [](Header& header) { header.specials[0].begin = restorer_begin; },
        [](Header& header) { header.layout.break_end = 0; },
        [](Header& header) { header.descriptor.flags = descriptor_closed_on_exec; },
        [](Header& header) { header.descriptor.number = 2; },
        [](Header& header) { header.descriptor = {3, 2, 0}; },
        [](Header& header) { header.descriptor = {3, 0, 1000}; },
        [](Header& header) { header.creator[31] = 'x'; },
    };
    std::size_t number = 0;
    for (const auto& change : changes) {
        EXPECT_EQ(fault_with_header(change), Fault::damaged) << "change " << number;
        ++number;
    }
}

TEST(Snapshot, ThreadFields) {
    const std::function<void(ThreadRecord&)> changes[] = {
        [](ThreadRecord& thread) { thread.registers.rip = 0; },
        [](ThreadRecord& thread) { thread.registers.rip = thread.thread_pointer; },  // not executable
        [](ThreadRecord& thread) { thread.registers.rsp += 64; },                    // above the stack
        [](ThreadRecord& thread) { thread.registers.mxcsr = 0x10000; },              // would be a fault to load
        [](ThreadRecord& thread) { thread.thread_pointer = restorer_begin; },
        [](ThreadRecord& thread) { thread.thread_id_address += 1; },
        [](ThreadRecord& thread) { thread.rseq_size = 0; },
        [](ThreadRecord& thread) { thread.rseq = 1; },
    };
    std::size_t number = 0;
    for (const auto& change : changes) {
        EXPECT_EQ(fault_with_header([&](Header& header) { change(header.thread); }), Fault::damaged) << number;
        ++number;
    }
}

TEST(Snapshot, MappingsLieInOrderAndWhereTheyMay) {
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.begin += 1; }), Fault::damaged);
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.end = mapping.begin; }), Fault::damaged);
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.end += page_size; }), Fault::damaged);  // overlaps
    EXPECT_EQ(with_mapping(zeros, [](auto& mapping) { mapping.end = end_of_memory + page_size; }), Fault::damaged);
    EXPECT_EQ(with_mapping(code, [](auto& mapping) { mapping.begin = 0; }), Fault::damaged);
    EXPECT_EQ(with_mapping(library,
                           [](auto& mapping) {
                               mapping.begin = restorer_begin;
                               mapping.end = restorer_begin + page_size;
                           }),
              Fault::damaged);
    EXPECT_EQ(with_mapping(library, [](auto& mapping) { mapping.end = 0x7ffff7fca000; }), Fault::damaged);  // the vdso
}

TEST(Snapshot, MappingFields) {
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.reserved = 1; }), Fault::damaged);
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.protection = 8; }), Fault::damaged);
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.kind = static_cast<MappingKind>(6); }), Fault::damaged);
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.offset += page_size * 2; }), Fault::damaged);
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.offset = ~std::uint64_t{0} << 12; }), Fault::damaged);
    EXPECT_EQ(with_mapping(heap, [](auto& mapping) { mapping.room = page_size; }), Fault::damaged);
    EXPECT_EQ(with_mapping(zeros, [](auto& mapping) { mapping.offset = page_size; }), Fault::damaged);
    EXPECT_EQ(with_mapping(zeros, [](auto& mapping) { mapping.flags = mapping_shared; }), Fault::damaged);
    EXPECT_EQ(with_mapping(zeros, [](auto& mapping) { mapping.flags = mapping_wipe_on_fork; }), Fault::none);
    EXPECT_EQ(with_mapping(library, [](auto& mapping) { mapping.protection |= protection_write; }), Fault::damaged);
    EXPECT_EQ(with_mapping(library, [](auto& mapping) { mapping.file = 1; }), Fault::damaged);  // only watched
}

// As with_mapping(), of a mapping of another kind.
Fault with_kind(Place place, MappingKind kind, const std::function<void(MappingRecord&)>& change) {
    return with_mapping(place, [&](auto& mapping) {
        mapping.kind = kind;
        change(mapping);
    });
}

TEST(Snapshot, AGuard) {
    const auto with_guard = [](const auto& change) { return with_kind(zeros, MappingKind::guard, change); };
    EXPECT_EQ(with_guard([](auto& /*mapping*/) {}), Fault::none);
    EXPECT_EQ(with_guard([](auto& mapping) { mapping.offset = page_size; }), Fault::damaged);
    EXPECT_EQ(with_guard([](auto& mapping) { mapping.flags = mapping_wipe_on_fork; }), Fault::damaged);
    EXPECT_EQ(with_guard([](auto& mapping) { mapping.file = 1; }), Fault::damaged);
}

TEST(Snapshot, ACopy) {
    const auto with_copy = [](const auto& change) { return with_kind(heap, MappingKind::copy, change); };
    EXPECT_EQ(with_copy([](auto& /*mapping*/) {}), Fault::none);
    EXPECT_EQ(with_copy([](auto& mapping) { mapping.protection = protection_read; }), Fault::damaged);
    EXPECT_EQ(with_copy([](auto& mapping) { mapping.offset += page_size * 2; }), Fault::damaged);
    EXPECT_EQ(with_copy([](auto& mapping) { mapping.room = page_size; }), Fault::damaged);
    EXPECT_EQ(with_copy([](auto& mapping) { mapping.flags = mapping_shared; }), Fault::damaged);
}

TEST(Snapshot, TheStack) {
    EXPECT_EQ(with_mapping(stack, [](auto& mapping) { mapping.room = 0; }), Fault::damaged);
    EXPECT_EQ(with_mapping(stack, [](auto& mapping) { mapping.room = page_size / 2; }), Fault::damaged);
    EXPECT_EQ(with_mapping(stack, [](auto& mapping) { mapping.room = std::uint64_t{1} << 40; }), Fault::damaged);
    EXPECT_EQ(with_mapping(stack, [](auto& mapping) { mapping.protection = protection_read; }), Fault::damaged);
    EXPECT_EQ(with_mapping(stack, [](auto& mapping) { mapping.kind = MappingKind::payload; }), Fault::damaged);
}

TEST(Snapshot, TextsAndWhatNamesThem) {
    const auto far = [](TextOffset& offset) { offset = 100'000; };
    for (const Table table : {Table::environment, Table::free_names, Table::command}) {
        EXPECT_EQ(fault_with<TextOffset>(table, 0, far), Fault::damaged);
    }
    EXPECT_EQ(fault_with<FileRecord>(Table::files, 0, [](auto& file) { file.path = 100'000; }), Fault::damaged);
    EXPECT_EQ(fault_with<FileRecord>(Table::files, 0, [](auto& file) { file.path = 0; }), Fault::damaged);  // relative
    EXPECT_EQ(fault_with<char>(Table::texts, 54, [](char& last) { last = 'x'; }), Fault::damaged);
    EXPECT_EQ(fault_with<std::uint64_t>(Table::auxiliary, 3, [](auto& last) { last = 1; }), Fault::damaged);
}

TEST(Snapshot, MutationsAreSurvived) {
    std::mt19937_64 engine(20220603);
    int sound = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::vector<std::uint8_t> edits(4 * (1 + engine() % 4));
        for (std::uint8_t& byte : edits) {
            byte = static_cast<std::uint8_t>(engine());
        }
        sound += fuzz::exercise_snapshot(edits.data(), edits.size()) ? 1 : 0;
    }
    EXPECT_GT(sound, 1'000);  // the run is of use only if many get past the checks, and many do not
    EXPECT_LT(sound, 19'000);
}

}  // namespace
}  // namespace pycds::snapshot
