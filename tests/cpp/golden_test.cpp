// The bytes of a small archive, kept as text: a change of the format shows in review, and must raise format_version.
// To write the text anew: PYCDS_UPDATE_GOLDEN=1 build/cpp/tests/cpp/image_tests --gtest_filter='Golden.*'

#include "annotated_dump.hpp"
#include "specimen.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>

namespace pycds::image {
namespace {

const std::filesystem::path here = std::filesystem::path(__FILE__).parent_path();
const std::filesystem::path golden = here / "golden" / "specimen.txt";
const std::filesystem::path document = here.parent_path().parent_path() / "docs" / "format.md";

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

// Lines of the example in docs/format.md: an offset of six digits, two spaces, bytes.
bool is_quotation(const std::string& line) {
    return line.size() > 8 && line.find_first_not_of("0123456789abcdef") == 6 && line.substr(6, 2) == "  ";
}

TEST(Golden, TheDocumentQuotesTheseBytes) {
    const std::string dump = test::annotated_dump(test::specimen());
    std::ifstream stream(document);
    ASSERT_TRUE(stream) << document;
    int quotations = 0;
    for (std::string line; std::getline(stream, line);) {
        if (is_quotation(line)) {
            ++quotations;
            EXPECT_NE(dump.find("\n" + line + "\n"), std::string::npos) << "docs/format.md has: " << line;
        }
    }
    EXPECT_GT(quotations, 20);
}

}  // namespace
}  // namespace pycds::image
