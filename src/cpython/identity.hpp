#pragma once

#include "../image/format.hpp"

#include <optional>
#include <string>

namespace pycds::cpython {

// Of the interpreter that runs now.  Throws PythonError.
[[nodiscard]] image::IdentityRecord current_identity();

// What differs, in the words of an error message; nullopt where an archive with identity `archived` can be attached.
struct Mismatch {
    bool flags_only;  // the interpreter is the same, it was started with other options
    std::string message;
};
[[nodiscard]] std::optional<Mismatch> compare(const image::IdentityRecord& archived,
                                              const image::IdentityRecord& current);

// Whether the objects in an archive of that identity lie as this interpreter's own do: tools can then read them.
[[nodiscard]] bool has_layout_of(const image::IdentityRecord& identity) noexcept;

// False on builds that cannot host image objects: a debug build asserts on immortal strings that it did not make.
[[nodiscard]] bool build_is_supported() noexcept;

}  // namespace pycds::cpython
