#pragma once

#include "format.hpp"
#include "request.hpp"

namespace pycds::snapshot {

// Once in a process, before libraries register handlers for forks of their own: the one registered first is the last
// to be called before a fork, when all of them have stopped their threads, and the first in the child.  False where
// there is no memory for it.
[[nodiscard]] bool prepare() noexcept;

// What came of a dump.
struct Dumped {
    const Arrival* arrival;  // in a process restored from it: what the restorer handed over; else null
    const char* problem;     // why there is no snapshot, until the next dump, or why it must not be used; else empty
};

// Makes the snapshot of this process, after prepare().  `fork` forks as the interpreter does, and returns what fork()
// returns.
[[nodiscard]] Dumped dump(const Request& request, int (*fork)()) noexcept;

}  // namespace pycds::snapshot
