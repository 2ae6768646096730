#pragma once

#include "plan.hpp"

namespace pycds::snapshot {

// What a snapshot cannot hold.  Each names it, see outcome.hpp.

// In the process itself, when it is about to fork: threads, child processes, timers, changed attributes; its memory,
// but for what lies at `scratch`.
void judge_process(std::string_view attributes_at_begin, const void* scratch, Arena& arena) noexcept;

// In the forked child: whether something has been printed, where files stand in for the streams.
void judge_output() noexcept;

// In the forked child: what else is open.  What can be kept: a library's own, of a mapped file.
[[nodiscard]] DescriptorRecord judge_descriptors(const Plan& plan) noexcept;

}  // namespace pycds::snapshot
