#pragma once

#include <initializer_list>
#include <string_view>

namespace pycds::snapshot {

// What came of a dump, in memory that the process and its child share.
struct Outcome {
    char message[2048];  // why there is no snapshot
    bool written;        // that there is one: a child that was killed says neither
};

// Of the dump that is going on.
extern Outcome* outcome;

// What a refusal ends with: what the user can do about it.
inline constexpr std::string_view earlier = "; make the snapshot before that (--after-import, --at call)";
inline constexpr std::string_view undo =
    "; undo that before the checkpoint (pycds.before_checkpoint), or do it behind it";

// Notes why there can be no snapshot, if nothing has been noted yet.  False, for callers to hand on.
bool report(std::initializer_list<std::string_view> message) noexcept;

// In the child alone: notes it, and ends the child.
[[noreturn]] void refuse(std::initializer_list<std::string_view> message) noexcept;

// The same, with what the system says.
[[noreturn]] void refuse_with_error(std::string_view what) noexcept;

}  // namespace pycds::snapshot
