#pragma once

#include "plan.hpp"
#include "request.hpp"

namespace pycds::snapshot {

// Writes the snapshot beside its place, then puts it there.  `header` has thread, layout, machine and specials.
void write_snapshot(const Header& header, const Plan& plan, std::string_view auxiliary, const Request& request,
                    Arena& arena) noexcept;

}  // namespace pycds::snapshot
