#pragma once

#include <cstddef>
#include <cstdint>

namespace pycds::snapshot::fuzz {

// Changes a small snapshot as `edits` say (of four bytes each: where, how, by what), puts its checksums right, and
// follows it wherever the checks let it through, as a restorer would.  Whether they did.  Throws std::logic_error where
// what they let through is not as it must be.
bool exercise_snapshot(const std::uint8_t* edits, std::size_t size);

}  // namespace pycds::snapshot::fuzz
