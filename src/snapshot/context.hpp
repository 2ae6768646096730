#pragma once

#include "format.hpp"

namespace pycds::snapshot {

// Stores the registers that a function call keeps, and returns null.  A restored process comes out of the same call
// once more, with what the restorer handed over.  As with setjmp, the caller's frame must still be there, and its
// variables have whatever values they had when the stack was written.
extern "C" [[gnu::returns_twice, gnu::visibility("hidden")]] Arrival* pycds_snapshot_context(Registers* registers);

}  // namespace pycds::snapshot
