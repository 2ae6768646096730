#pragma once

// CPython 3.10: Include/cpython/code.h, Include/cpython/unicodeobject.h, Objects/codeobject.c
// (PyCode_NewWithPosOnlyArgs).

#include "fixed_code.hpp"
#include "integers.hpp"
#include "strings.hpp"

namespace pycds::cpython::layout {

inline constexpr auto code_references = fixed_code_references({offsetof(PyCodeObject, co_linetable), "co_linetable"});
static_assert(sizeof(PyCodeObject) == 176 && offsetof(PyCodeObject, co_cell2arg) == 96);

// No immortality: a count that no program brings to zero.  PyUnicode_InternInPlace takes 2 from it and
// _PyUnicode_ClearInterned gives them back.
inline constexpr std::int64_t image_refcount = std::int64_t{1} << 40;

using String = StringWithWideText<>;
using Integer = SignedSizeInteger<>;

// Include/internal/pycore_interp.h (_PY_NSMALLNEGINTS, _PY_NSMALLPOSINTS).
inline constexpr long smallest_small_int = -5;
inline constexpr long largest_small_int = 256;

inline void reset_tuple(PyTupleObject&) noexcept {}

// Objects/typeobject.c, PyType_Modified sets it to 0.
inline unsigned type_version(const PyTypeObject& type) noexcept { return type.tp_version_tag; }

}  // namespace pycds::cpython::layout
