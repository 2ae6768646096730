#pragma once

// The options that an archive carries for the programs that start from it, by the names of the commands.

#include "format.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pycds::image {

inline constexpr std::array<std::pair<ArchiveOption, std::string_view>, 2> archive_options = {{
    {option_startup_gc, "startup-gc"},
    {option_fast_exit, "fast-exit"},
}};

inline constexpr std::uint32_t known_options = option_startup_gc | option_fast_exit;

// The names of the bits that are set; of bits that no option has, nothing.
[[nodiscard]] inline std::vector<std::string> names_of_options(std::uint32_t options) {
    std::vector<std::string> names;
    for (const auto& [option, name] : archive_options) {
        if ((options & option) != 0) {
            names.emplace_back(name);
        }
    }
    return names;
}

[[nodiscard]] inline std::optional<ArchiveOption> option_named(std::string_view name) noexcept {
    for (const auto& [option, known] : archive_options) {
        if (name == known) {
            return option;
        }
    }
    return std::nullopt;
}

}  // namespace pycds::image
