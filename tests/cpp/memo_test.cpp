// Memo entries: they stand behind the modules, and nothing that belongs to a module is recorded of them.

#include "image/reader.hpp"
#include "specimen.hpp"

#include <functional>
#include <gtest/gtest.h>

namespace pycds::image {
namespace {

using test::Bytes;
using test::change_entry;
using test::entry_offset;
using test::get;
using test::MemoryFile;
using test::problems_of;
using test::put;
using test::reseal;

constexpr std::uint8_t memo = static_cast<std::uint8_t>(LoaderKind::memo);

void set_memos(Bytes& file, std::uint32_t count) {
    auto header = get<Header>(file, 0);
    header.memos = count;
    put(file, 0, header);
}

void make_memo(EntryRecord& record) {
    record.loader = memo;
    record.origin.size = record.stamp_path.size = 0;
}

// Two modules, and a memo entry behind them.
Bytes with_memo() {
    Bytes file = test::archive_of({"one", "two", "re:1:0:0x5"});
    change_entry(file, 2, make_memo);
    set_memos(file, 1);
    reseal(file);
    return file;
}

TEST(Memo, IsFoundByItsName) {
    const MemoryFile place(with_memo());
    Reader reader(place.path());
    const auto found = reader.find("re:1:0:0x5");
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->is_memo());
    EXPECT_FALSE(reader.find("one")->is_memo());
    EXPECT_EQ(reader.header().memos, 1U);
    EXPECT_EQ(reader.load_segment(found->record()).code_offsets.size(), 1U);
}

TEST(Memo, AnArchiveWithOneIsInOrder) { EXPECT_EQ(problems_of(with_memo()), ""); }

TEST(Memo, TheCountIsThatOfTheEntries) {
    Bytes file = with_memo();
    set_memos(file, 0);
    EXPECT_EQ(problems_of(file), "module re:1:0:0x5: a memo entry among the modules\n");
    set_memos(file, 2);
    EXPECT_EQ(problems_of(file), "module two: a module among the memo entries\n");
    set_memos(file, 4);
    EXPECT_NE(problems_of(file).find("damaged (items of a section)"), std::string::npos);
}

TEST(Memo, StandsBehindTheModules) {
    Bytes file = with_memo();
    change_entry(file, 0, make_memo);
    EXPECT_EQ(problems_of(file), "module one: a memo entry among the modules\n");
}

TEST(Memo, HasNothingThatBelongsToAModule) {
    const std::function<void(EntryRecord&)> changes[] = {
        [](EntryRecord& record) { record.stamp.size = 1; },
        [](EntryRecord& record) { record.pyc.mtime_ns = 1; },
        [](EntryRecord& record) { record.content = 1; },
        [](EntryRecord& record) { record.pyc_content = 1; },
        [](EntryRecord& record) { record.pyc_kind = 1; },
        [](EntryRecord& record) { record.flags = entry_is_contested; },
        [](EntryRecord& record) { record.origin.size = 1; },
        [](EntryRecord& record) { record.stamp_path.size = 1; },
    };
    for (const auto& change : changes) {
        Bytes file = with_memo();
        change_entry(file, 2, change);
        EXPECT_EQ(problems_of(file), "module re:1:0:0x5: a memo entry with something that belongs to a module\n");
    }
}

TEST(Memo, AnyByteOfItsEntryAndSegmentThatChangesIsFound) {
    const Bytes file = with_memo();
    const std::size_t entry = entry_offset(file, 2);
    const auto record = get<EntryRecord>(file, entry);
    const std::pair<std::size_t, std::size_t> ranges[] = {{entry, record.record_size},
                                                          {record.segment_offset, segment_size(record)}};
    for (const auto& [begin, size] : ranges) {
        for (std::size_t at = begin; at < begin + size; ++at) {
            Bytes damaged = file;
            damaged[at] ^= std::byte{4};
            const MemoryFile place(damaged);
            Reader reader(place.path());
            EXPECT_THROW(
                {
                    const auto found = reader.find("re:1:0:0x5");
                    if (found) {
                        (void)reader.load_segment(found->record());
                    }
                },
                Error)
                << at;
        }
    }
}

}  // namespace
}  // namespace pycds::image
