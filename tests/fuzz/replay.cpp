// Runs the fuzz target without libFuzzer:
//   reader_fuzzer [--mutations N] [--seed S] [FILE or DIRECTORY...]
// The files are run as they are, then N mutations of each (or, without files, of the specimen).  A failure is reported
// with the seed and number that bring it back; if the process lives on, the bytes are in reader_fuzzer.failed.

#include "../cpp/specimen.hpp"
#include "mutator.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using pycds::image::test::Bytes;

struct Options {
    std::uint64_t mutations = 20'000;
    std::uint64_t seed = 1;
    std::vector<std::filesystem::path> inputs;
};

bool parse_number(std::string_view text, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

bool parse(const std::vector<std::string_view>& words, Options& options) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "--mutations" || words[i] == "--seed") {
            std::uint64_t& number = words[i] == "--seed" ? options.seed : options.mutations;
            if (++i == words.size() || !parse_number(words[i], number)) {
                return false;
            }
        } else if (words[i].starts_with('-')) {
            return false;
        } else {
            options.inputs.emplace_back(words[i]);
        }
    }
    return true;
}

Bytes read(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    const std::vector<char> content(std::istreambuf_iterator<char>(stream), {});
    const auto bytes = std::as_bytes(std::span(content));
    return {bytes.begin(), bytes.end()};
}

std::vector<Bytes> corpus(const std::vector<std::filesystem::path>& inputs) {
    std::vector<std::filesystem::path> files;
    for (const std::filesystem::path& input : inputs) {
        if (!std::filesystem::is_directory(input)) {
            files.push_back(input);
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(input)) {
            files.push_back(entry.path());
        }
    }
    std::ranges::sort(files);
    std::vector<Bytes> all;
    for (const std::filesystem::path& file : files) {
        all.push_back(read(file));
    }
    return all;
}

void run(const Bytes& bytes) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void keep(const Bytes& bytes) {
    std::ofstream("reader_fuzzer.failed", std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    if (!parse({argv + 1, argv + argc}, options)) {
        std::fputs("usage: reader_fuzzer [--mutations N] [--seed S] [FILE or DIRECTORY...]\n", stderr);
        return 2;
    }
    std::vector<Bytes> inputs = corpus(options.inputs);
    if (inputs.empty()) {
        inputs.push_back(pycds::image::test::specimen());
    }
    pycds::image::fuzz::Mutator mutator(options.seed);
    std::uint64_t count = 0;
    Bytes current;
    try {
        for (const Bytes& input : inputs) {
            current = input;
            run(current);
            for (std::uint64_t i = 0; i < options.mutations; ++i, ++count) {
                current = mutator.mutate(input);
                run(current);
            }
        }
    } catch (const std::exception& error) {
        keep(current);
        std::fprintf(stderr, "reader_fuzzer: seed %llu, mutation %llu: %s\n",
                     static_cast<unsigned long long>(options.seed), static_cast<unsigned long long>(count),
                     error.what());
        return 1;
    }
    std::printf("reader_fuzzer: %zu inputs, %llu mutations, seed %llu\n", inputs.size(),
                static_cast<unsigned long long>(count), static_cast<unsigned long long>(options.seed));
    return 0;
}
