#pragma once

// Contents of the files that modules come from, for when their stamps do not decide.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pycds::image {

// All of a regular file; nullopt where there is none or it cannot be read.  Throws std::bad_alloc.
[[nodiscard]] std::optional<std::vector<std::byte>> read_whole(const std::string& path);

// Checksum of all of it, as EntryRecord::content.
[[nodiscard]] std::optional<std::uint64_t> content_of(const std::string& path);

}  // namespace pycds::image
