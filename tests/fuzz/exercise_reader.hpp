#pragma once

// Everything that a reader does with a file it cannot trust: open, look up, load, list, count, verify.

#include <cstddef>
#include <span>

namespace pycds::image::fuzz {

// How far the file brought it; for the summary of a run.
enum class Depth {
    refused,   // not opened
    opened,    // opened, but not in order
    in_order,  // verify found nothing
};

// Returns normally whatever the bytes are.  Throws std::logic_error where the parts of the reader disagree: a file in
// which verify found nothing must be readable to its end.
Depth exercise_reader(std::span<const std::byte> bytes);

}  // namespace pycds::image::fuzz
