#pragma once

#include "specimen.hpp"

#include <string>

namespace pycds::image::test {

// Every byte of an archive in order, as text: offset, hexadecimal, and what it is.  docs/format.md quotes it.
[[nodiscard]] std::string annotated_dump(const Bytes& file);

}  // namespace pycds::image::test
