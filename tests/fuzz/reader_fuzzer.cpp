// The target, as libFuzzer and its kin call it.  With clang:
//   cmake -S tests/fuzz -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ && cmake --build build/fuzz
//   build/fuzz/reader_fuzzer CORPUS/
// Without, the same program runs files and mutations of its own (replay.cpp).

#include "exercise_reader.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    (void)pycds::image::fuzz::exercise_reader(std::as_bytes(std::span(data, size)));
    return 0;
}

#ifdef PYCDS_LIBFUZZER
#include "mutator.hpp"

#include <algorithm>
#include <cstring>

// Without it, libFuzzer would hardly ever get behind a checksum.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    pycds::image::test::Bytes bytes(size);
    std::memcpy(bytes.data(), data, size);
    bytes = pycds::image::fuzz::Mutator(seed).mutate(size == 0 ? pycds::image::test::specimen() : bytes);
    const std::size_t result = std::min(bytes.size(), max_size);
    std::memcpy(data, bytes.data(), result);
    return result;
}
#endif
