#pragma once

// Checks an archive without an interpreter: every checksum, that every byte of the file belongs to something, that
// every module is found by its name, and that every reference leads to an object of the right kind.

#include "reader.hpp"

#include <string>
#include <vector>

namespace pycds::image {

// The problems found, one line each; none for an archive in order.  Work and memory are bounded by the file's size.
// Throws std::bad_alloc only.
[[nodiscard]] std::vector<std::string> verify(Reader& reader);

}  // namespace pycds::image
