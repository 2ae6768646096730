// libFuzzer's mutations, and our own, with the checksums put right: without that it would hardly ever get behind one.

#include "mutator.hpp"

#include <algorithm>
#include <cstring>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

using pycds::image::fuzz::Mutator;
using pycds::image::test::Bytes;

namespace {

Bytes bytes_of(const std::uint8_t* data, std::size_t size) {
    Bytes bytes(size);
    if (size != 0) {
        std::memcpy(bytes.data(), data, size);
    }
    return bytes;
}

std::size_t give_back(const Bytes& bytes, std::uint8_t* data, std::size_t max_size) {
    const std::size_t size = std::min(bytes.size(), max_size);
    if (size != 0) {
        std::memcpy(data, bytes.data(), size);
    }
    return size;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    Mutator mutator(seed);
    if (size < sizeof(pycds::image::Header)) {  // libFuzzer begins with a byte or two
        return give_back(mutator.mutate(pycds::image::test::specimen()), data, max_size);
    }
    if (seed % 4 != 0) {
        return give_back(mutator.mutate(bytes_of(data, size)), data, max_size);
    }
    Bytes bytes = bytes_of(data, LLVMFuzzerMutate(data, size, max_size));
    if (seed % 16 != 0) {
        pycds::image::test::reseal(bytes);
    }
    return give_back(bytes, data, max_size);
}

// A section of one file in the place of another's.
extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data1, std::size_t size1,
                                                 const std::uint8_t* data2, std::size_t size2, std::uint8_t* out,
                                                 std::size_t max_size, unsigned seed) {
    return give_back(Mutator(seed).cross_over(bytes_of(data1, size1), bytes_of(data2, size2)), out, max_size);
}
