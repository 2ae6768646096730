#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pycds::image {

// What `verify` has found, one line each: where, and what.  A file of garbage has as many problems as bytes, so from
// some number on they are only counted.
class ProblemList {
  public:
    static constexpr std::size_t most_lines = 1000;

    void add(const std::string& where, const std::string& what) {
        if (lines_.size() < most_lines) {
            std::string line = where + ": " + what;
            // Names come from the file; a problem must stay one line whatever they hold.
            std::replace_if(line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
            lines_.push_back(std::move(line));
        } else {
            ++omitted_;
        }
    }

    [[nodiscard]] std::vector<std::string> take() {
        if (omitted_ != 0) {
            lines_.push_back("and " + std::to_string(omitted_) + " more problems");
        }
        return std::move(lines_);
    }

  private:
    std::vector<std::string> lines_;
    std::uint64_t omitted_ = 0;
};

}  // namespace pycds::image
