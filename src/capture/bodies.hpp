#pragma once

// What of a module is needed once (image/format.hpp, most_nested_bodies): the code of its body and of those of its
// classes, and the tuples and bytes that no other object of the archive refers to.

#include "constants.hpp"
#include "walk.hpp"

#include <unordered_set>
#include <vector>

namespace pycds::capture {

struct Bodies {
    std::vector<bool> codes;  // by position in CapturedModule::codes
    std::unordered_set<std::uint32_t> constants;

    [[nodiscard]] bool hold(NodeId id) const { return constants.contains(static_cast<std::uint32_t>(id)); }
};

// To be asked when it is known what the modules share.
[[nodiscard]] Bodies bodies_of(const CapturedModule& module, const ConstantTable& constants);

}  // namespace pycds::capture
