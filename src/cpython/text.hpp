#pragma once

#include "python.hpp"

#include <string>
#include <string_view>

namespace pycds::cpython {

// Between str and the archive's text: UTF-8 with surrogateescape.  Both throw PythonError.
[[nodiscard]] std::string encode_text(PyObject* string);
[[nodiscard]] Ref decode_text(std::string_view text);

// The UTF-8 that the string itself caches: no copy, but none for a string with surrogates (empty view, no exception).
[[nodiscard]] std::string_view view_text(PyObject* string) noexcept;

}  // namespace pycds::cpython
