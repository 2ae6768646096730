#pragma once

#include <charconv>
#include <cstdint>
#include <string>

namespace pycds::image {

// Offsets are printed as format.md and hex editors have them.
[[nodiscard]] inline std::string hexadecimal(std::uint64_t value) {
    char text[2 + 16] = {'0', 'x'};
    const std::to_chars_result end = std::to_chars(text + 2, text + sizeof text, value, 16);  // 16 digits are enough
    return {text, end.ptr};
}

}  // namespace pycds::image
