#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pycds::image {

// What `verify` has found, one line each: where, and what.  A file of garbage has as many problems as bytes, so from
// some number on they are only counted.
class ProblemList {
  public:
    static constexpr std::size_t most_lines = 1000;

    // In `what` stands a pair of braces for each of the numbers: {} for a decimal one, {x} for a hexadecimal one.
    template <typename... Numbers>
    void add(const std::string& where, const char* what, Numbers... numbers) {
        add_with(where, what, {static_cast<std::uint64_t>(numbers)...});
    }

    [[nodiscard]] std::vector<std::string> take();

  private:
    void add_with(const std::string& where, std::string_view what, std::initializer_list<std::uint64_t> numbers);

    std::vector<std::string> lines_;
    std::uint64_t omitted_ = 0;
};

}  // namespace pycds::image
