// Files that fuzzing has found worth keeping (tests/fuzz/corpus), through the reader once more.

#include "../fuzz/exercise_reader.hpp"
#include "specimen.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace pycds::image {
namespace {

const std::filesystem::path corpus = std::filesystem::path(__FILE__).parent_path().parent_path() / "fuzz" / "corpus";

test::Bytes read(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    const std::vector<char> content(std::istreambuf_iterator<char>(stream), {});
    const auto bytes = std::as_bytes(std::span(content));
    return {bytes.begin(), bytes.end()};
}

void expect_survived(const char* target) {
    int files = 0;
    int opened = 0;
    for (const auto& entry : std::filesystem::directory_iterator(corpus / target)) {
        SCOPED_TRACE(entry.path());
        ++files;
        opened += fuzz::exercise_reader(read(entry.path())) != fuzz::Depth::refused ? 1 : 0;
    }
    // Most are refused at the door when the format has changed: then renew them, ./dev fuzz_long and ./dev fuzz_keep.
    EXPECT_GT(files, 20);
    EXPECT_GT(opened, files / 3);
}

TEST(Corpus, OfTheReaderIsSurvived) { expect_survived("reader"); }
TEST(Corpus, OfTheLinkerIsSurvived) { expect_survived("link"); }

}  // namespace
}  // namespace pycds::image
