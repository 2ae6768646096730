#pragma once

// Texts of /proc, taken apart.

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace pycds::snapshot {

[[nodiscard]] inline std::string_view take_line(std::string_view& text) noexcept {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

// As far as there are digits.
[[nodiscard]] inline std::uint64_t number_of(std::string_view text, unsigned base) noexcept {
    std::uint64_t value = 0;
    for (const char c : text) {
        const auto digit = static_cast<unsigned>(c >= 'a' ? c - 'a' + 10 : c - '0');
        if (digit >= base) {
            break;
        }
        value = value * base + digit;
    }
    return value;
}

// The words of a line.
class Words {
  public:
    explicit Words(std::string_view text) noexcept : rest_(text) {}

    [[nodiscard]] std::string_view next() noexcept {
        const std::string_view text = rest();
        const std::size_t end = std::min(text.find(' '), text.size());
        rest_.remove_prefix(end);
        return text.substr(0, end);
    }
    [[nodiscard]] std::string_view rest() noexcept {
        while (rest_.starts_with(' ') || rest_.starts_with('\t')) {
            rest_.remove_prefix(1);
        }
        return rest_;
    }

  private:
    std::string_view rest_;
};

}  // namespace pycds::snapshot
