// What the image layer costs, without an interpreter: opening, looking up, reading and verifying.
//
//   cmake -S . -B build/micro -DPYCDS_MODULE=OFF -DPYCDS_BENCHMARKS=ON && cmake --build build/micro
//   build/micro/micro_image

#include "image/checksum.hpp"
#include "image/reader.hpp"
#include "image/replace.hpp"
#include "image/writer.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace pycds::image;

constexpr std::size_t segment_size = std::size_t{32} * 1024;

std::string module_name(std::int64_t number) { return "package.module_" + std::to_string(number); }

// An archive of modules whose segments hold nothing but zeros, removed at the end.
class Archive {
  public:
    explicit Archive(std::int64_t modules)
        : path_((std::filesystem::temp_directory_path() / ("pycds-micro-" + std::to_string(modules))).string()) {
        Writer writer(IdentityRecord{}, "micro");
        for (std::int64_t i = 0; i < modules; ++i) {
            ExtentBuilder builder;
            (void)builder.append(std::vector<std::byte>(segment_size));
            ModuleDescription description;
            description.name = module_name(i);
            description.origin = "/somewhere/" + description.name + ".py";
            description.stamp_path = description.origin;
            writer.add_module(description, Segment{builder.finish(), {}, 0});
        }
        writer.set_pools({}, {}, 0, 0);
        replace_file(path_, writer.finish());
    }
    Archive(const Archive&) = delete;
    Archive& operator=(const Archive&) = delete;
    ~Archive() { std::filesystem::remove(path_); }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    std::string path_;
};

void open_archive(benchmark::State& state) {
    const Archive archive(state.range(0));
    for (auto _ : state) {
        Reader reader(archive.path());
        benchmark::DoNotOptimize(reader.header().modules);
    }
}
BENCHMARK(open_archive)->Arg(50)->Arg(500)->Arg(5000);

void find_module(benchmark::State& state) {
    const Archive archive(state.range(0));
    Reader reader(archive.path());
    std::int64_t number = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(reader.find(module_name(number)));
        number = (number + 1) % state.range(0);
    }
}
BENCHMARK(find_module)->Arg(50)->Arg(5000);

void find_nothing(benchmark::State& state) {
    const Archive archive(state.range(0));
    Reader reader(archive.path());
    for (auto _ : state) {
        benchmark::DoNotOptimize(reader.find("not.there"));
    }
}
BENCHMARK(find_nothing)->Arg(5000);

// Read and verified, each segment once, into memory that is given back with the reader.
void load_segments(benchmark::State& state) {
    const Archive archive(state.range(0));
    for (auto _ : state) {
        Reader reader(archive.path());
        for (const Entry& entry : reader.all_entries()) {
            benchmark::DoNotOptimize(reader.load_segment(entry.record()));
        }
    }
    state.SetBytesProcessed(state.iterations() * state.range(0) * static_cast<std::int64_t>(segment_size));
}
BENCHMARK(load_segments)->Arg(50)->Arg(500)->Unit(benchmark::kMillisecond);

void checksum_of_a_segment(benchmark::State& state) {
    const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(checksum(bytes));
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum_of_a_segment)->Arg(1024)->Arg(segment_size);

}  // namespace
