// The reader (src/image): open, look up, load, list, count, verify.  The same function runs in the GoogleTest suite,
// over the corpus and over mutations of the specimen.

#include "exercise_reader.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    (void)pycds::image::fuzz::exercise_reader(std::as_bytes(std::span(data, size)));
    return 0;
}
