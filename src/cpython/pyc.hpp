#pragma once

// The header of a .pyc, and what a plain import does with it.  Sixteen bytes since 3.7 (PEP 552): magic number, flags,
// then the source's time and size, or its hash.

#include "../image/format.hpp"
#include "python.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace pycds::cpython {

struct Pyc {
    image::FileStamp stamp;
    image::PycKind kind = image::PycKind::none;  // none: of another magic number, or cut off
    std::uint32_t source_mtime = 0;              // seconds; of a `timestamp`, as the next
    std::uint32_t source_size = 0;
    std::uint64_t content = 0;  // checksum of what stands behind the header
};

// nullopt where there is no such file.  Throws std::bad_alloc.
[[nodiscard]] std::optional<Pyc> read_pyc(const std::string& path);

// Whether a `timestamp` was made from a source of this stamp: importlib._bootstrap_external, path_stats and
// _validate_timestamp_pyc.
[[nodiscard]] bool fits(const Pyc& pyc, const image::FileStamp& source) noexcept;

// Whether a hash-based .pyc is compared with its source now: SourceLoader.get_code of the same file, which asks
// _imp.check_hash_based_pycs.  Throws PythonError.
[[nodiscard]] bool checks_source(image::PycKind kind);

}  // namespace pycds::cpython
