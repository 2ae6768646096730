// The bytes of a small archive, kept as text: a change of the format shows in review, and must raise format_version.
// To write the text anew: PYCDS_UPDATE_GOLDEN=1 ./dev cpp

#include "annotated_dump.hpp"
#include "specimen.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace pycds::image {
namespace {

const std::filesystem::path golden = std::filesystem::path(__FILE__).parent_path() / "golden" / "specimen.txt";

TEST(Golden, BytesAreThoseOfTheFormat) {
    const std::string dump = test::annotated_dump(test::specimen());
    if (std::getenv("PYCDS_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(golden) << dump;
    }
    std::ifstream stream(golden);
    ASSERT_TRUE(stream) << golden;
    const std::string kept(std::istreambuf_iterator<char>(stream), {});
    EXPECT_EQ(dump, kept);
}

}  // namespace
}  // namespace pycds::image
