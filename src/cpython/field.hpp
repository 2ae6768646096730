#pragma once

#include "python.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pycds::cpython {

// The garbage collector's two words before a container; zero says that it does not track the object
// (Include/internal/pycore_gc.h, PyGC_Head).
inline constexpr std::size_t collector_header_size = 16;

// An object pointer within a struct of the runtime.
struct ReferenceField {
    std::size_t offset;
    const char* name;
};

// Padding holds whatever the allocator left there, and the same input must give the same archive.
template <typename Struct>
void zero_between(Struct& object, std::size_t begin, std::size_t end) noexcept {
    std::memset(reinterpret_cast<std::byte*>(&object) + begin, 0, end - begin);
}

}  // namespace pycds::cpython
