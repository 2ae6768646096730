// The fuzz target, run briefly and always alike.  Longer runs: tests/fuzz/CMakeLists.txt.

#include "../fuzz/exercise_reader.hpp"
#include "../fuzz/mutator.hpp"
#include "image/error.hpp"
#include "image/reader.hpp"
#include "image/verify.hpp"
#include "specimen.hpp"

#include <gtest/gtest.h>
#include <map>

namespace pycds::image {
namespace {

using fuzz::Depth;

TEST(Mutations, OfASmallArchiveAreSurvived) {
    const test::Bytes whole = test::specimen();
    ASSERT_EQ(fuzz::exercise_reader(whole), Depth::in_order);
    fuzz::Mutator mutator(20220601);
    std::map<Depth, int> reached;
    for (int i = 0; i < 20'000; ++i) {
        ++reached[fuzz::exercise_reader(mutator.mutate(whole))];
    }
    // The run is of use only if many files get past the checks at the door.
    EXPECT_GT(reached[Depth::opened], 5'000);
    EXPECT_GT(reached[Depth::refused], 1'000);
    EXPECT_GT(reached[Depth::in_order], 100);
}

TEST(Mutations, OfALargerArchiveAreSurvived) {
    std::vector<std::string> names;
    names.reserve(40);
    for (int i = 0; i < 40; ++i) {
        names.push_back("package.module" + std::to_string(i));
    }
    const test::Bytes whole = test::archive_of(names);
    fuzz::Mutator mutator(20220602);
    for (int i = 0; i < 2'000; ++i) {
        (void)fuzz::exercise_reader(mutator.mutate(whole));
    }
}

}  // namespace
}  // namespace pycds::image
