#pragma once

// What tools show of an archive beside its entries: constants that several modules share.

#include "reader.hpp"
#include "reference.hpp"

#include <cstdint>
#include <vector>

namespace pycds::image {

struct SharedConstant {
    std::uint64_t offset = 0;  // within `constants`
    std::uint64_t size = 0;    // bytes, with what stands before the object and the padding behind it
    RuntimeType type{};
    std::uint32_t uses = 0;  // modules that need it, directly or as a part of another constant
};

// The pool sections, verified, and the objects that begin in `constants`, in order of first use.
struct SharedConstants {
    std::vector<std::byte> strings;
    std::vector<std::byte> constants;
    std::vector<SharedConstant> objects;
};

// Reads every block and segment.  Throws Error, std::bad_alloc.
[[nodiscard]] SharedConstants shared_constants(Reader& reader);

}  // namespace pycds::image
