#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pycds::serve {

// How it is made sure that the archive holds what a plain import would load now.
enum class Validation : std::uint8_t {
    exact,   // stamps; where one of them differs, the content
    digest,  // contents, whatever the stamps say
    sealed,  // nothing is asked of the file system for what the archive knows
};

[[nodiscard]] constexpr std::optional<Validation> to_validation(std::string_view word) noexcept {
    if (word == "exact") {
        return Validation::exact;
    }
    if (word == "digest") {
        return Validation::digest;
    }
    if (word == "sealed") {
        return Validation::sealed;
    }
    return std::nullopt;
}

}  // namespace pycds::serve
