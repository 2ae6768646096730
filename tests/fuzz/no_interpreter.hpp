#pragma once

namespace pycds::cpython::fuzz {

// Frees what the linker's calls to the runtime have made; after each run.
void forget_objects() noexcept;

}  // namespace pycds::cpython::fuzz
