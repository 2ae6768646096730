#pragma once

#include "process.hpp"

namespace pycds::snapshot {

// What a snapshot cannot hold.  Each names it, see outcome.hpp.

// In the process itself, when it is about to fork: threads, child processes, timers, changed attributes; its memory,
// but for what lies at `scratch`.
void judge_process(std::string_view attributes_at_begin, const void* scratch, Arena& arena) noexcept;

// In the forked child: what else is open.
void judge_descriptors() noexcept;

}  // namespace pycds::snapshot
