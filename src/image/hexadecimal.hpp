#pragma once

#include <cstdint>
#include <string>

namespace pycds::image {

// Offsets are printed as format.md and hex editors have them.
[[nodiscard]] inline std::string hexadecimal(std::uint64_t value) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    do {
        text.insert(text.begin(), digits[value & 15]);
        value >>= 4;
    } while (value != 0);
    return "0x" + text;
}

}  // namespace pycds::image
