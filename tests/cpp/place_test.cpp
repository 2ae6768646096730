// Places: entries without code, of extension modules, namespace packages and absent names.

#include "image/reader.hpp"
#include "image/writer.hpp"
#include "specimen.hpp"

#include <functional>
#include <gtest/gtest.h>

namespace pycds::image {
namespace {

using test::Bytes;
using test::change_entry;
using test::get;
using test::MemoryFile;
using test::problems_of;
using test::put;

ModuleDescription place(const std::string& name, LoaderKind kind) {
    ModuleDescription description;
    description.name = name;
    description.loader = kind;
    return description;
}

// One of each kind: entries 0, 1 and 2.
Bytes with_places() {
    IdentityRecord identity{};
    identity.pointer_size = sizeof(void*);
    Writer writer(identity, "places");
    writer.add_directory({"/lib", {DirectoryKind::directory, {1, 2, 0}}, 3, {}, 0, false});
    ModuleDescription extension = place("fast", LoaderKind::extension);
    extension.origin = extension.stamp_path = "/lib/fast.so";
    extension.directory = extension.home = 0;
    ModuleDescription space = place("space", LoaderKind::namespace_package);
    space.locations = {"/lib/space", "/other/space"};
    writer.add_module(extension, Segment{});
    writer.add_module(space, Segment{});
    writer.add_module(place("nowhere", LoaderKind::absent), Segment{});
    writer.set_pools({}, {}, 0, 0);
    return writer.finish();
}

std::string problems_after(std::size_t number, const std::function<void(EntryRecord&)>& change) {
    Bytes file = with_places();
    change_entry(file, number, change);
    return problems_of(file);
}

TEST(Place, IsFoundByItsName) {
    const MemoryFile memory(with_places());
    Reader reader(memory.path());
    EXPECT_EQ(reader.header().places, 3U);
    EXPECT_EQ(reader.header().modules, 3U);
    const auto fast = reader.find("fast");
    const auto space = reader.find("space");
    const auto nowhere = reader.find("nowhere");
    ASSERT_TRUE(fast && space && nowhere);
    EXPECT_FALSE(fast->has_code() || space->has_code() || nowhere->has_code());
    EXPECT_FALSE(fast->is_namespace_or_absent());
    EXPECT_TRUE(space->is_namespace_or_absent() && !space->is_absent());
    EXPECT_TRUE(nowhere->is_namespace_or_absent() && nowhere->is_absent());
    EXPECT_TRUE(space->has_location("/other/space"));
    EXPECT_FALSE(space->has_location("/other"));
    EXPECT_FALSE(nowhere->has_location(""));
}

TEST(Place, AnArchiveOfThemIsInOrder) { EXPECT_EQ(problems_of(with_places()), ""); }

TEST(Place, TheCountIsThatOfTheEntries) {
    Bytes file = with_places();
    auto header = get<Header>(file, 0);
    header.places = 2;
    put(file, 0, header);
    EXPECT_EQ(problems_of(file), "header: counts 2 entries without code, there are 3\n");
}

TEST(Place, HasNothingThatBelongsToAModule) {
    const std::function<void(EntryRecord&)> changes[] = {
        [](EntryRecord& record) { record.stamp.size = 1; }, [](EntryRecord& record) { record.content = 1; },
        [](EntryRecord& record) { record.pyc.size = 1; },   [](EntryRecord& record) { record.pyc_content = 1; },
        [](EntryRecord& record) { record.pyc_kind = 1; },
    };
    for (const auto& change : changes) {
        EXPECT_EQ(problems_after(0, change), "module fast: a place with something that belongs to a module\n");
        EXPECT_EQ(problems_after(2, change), "module nowhere: a place with something that belongs to a module\n");
    }
    EXPECT_EQ(problems_after(1, [](EntryRecord& record) { record.home = 0; }),
              "module space: a place with something that belongs to a module\n");
}

TEST(Place, ANamespaceConsistsOfPortions) {
    EXPECT_NE(problems_after(1, [](EntryRecord& record) { record.flags = 0; }).find("a namespace without portions"),
              std::string::npos);
    EXPECT_EQ(problems_after(2, [](EntryRecord& record) { record.flags = entry_is_package; }),
              "module nowhere: is absent and has portions\n");
}

TEST(Place, HasNoSegment) {
    for (const std::size_t number : {0U, 1U, 2U}) {
        EXPECT_NE(problems_after(number, [](EntryRecord& record) { record.code_count = 1; }).find("where none belongs"),
                  std::string::npos);
        EXPECT_NE(problems_after(number, [](EntryRecord& record) { record.root = 16; }).find("where none belongs"),
                  std::string::npos);
    }
}

}  // namespace
}  // namespace pycds::image
