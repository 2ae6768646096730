#pragma once

#include "../cpp/specimen.hpp"

#include <cstdint>
#include <random>

namespace pycds::image::fuzz {

// Changes an archive here and there.  Most changes are sealed again, for otherwise nothing behind the first checksum
// would ever be reached.  The same seed gives the same changes everywhere: no distribution of <random> is used, since
// each library has its own.
class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : engine_(seed) {}

    [[nodiscard]] test::Bytes mutate(test::Bytes bytes);
    // `bytes` with a piece of the same section of `other`.
    [[nodiscard]] test::Bytes cross_over(test::Bytes bytes, const test::Bytes& other);

  private:
    [[nodiscard]] std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }
    [[nodiscard]] std::size_t place(const test::Bytes& bytes);
    [[nodiscard]] std::uint64_t interesting_value();
    void change(test::Bytes& bytes);
    void change_size(test::Bytes& bytes);

    std::mt19937_64 engine_;
};

}  // namespace pycds::image::fuzz
