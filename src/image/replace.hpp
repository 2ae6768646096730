#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace pycds::image {

// Replaces `path` by the bytes, or leaves it as it was: temporary file beside it, fsync, rename, fsync of the
// directory.  Whatever is there and no regular file stays.  Temporary files of processes that were killed are removed.
// Throws std::system_error.
void replace_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace pycds::image
