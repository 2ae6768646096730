#pragma once

// CPython 3.8: Include/code.h, Include/cpython/unicodeobject.h, Objects/codeobject.c (PyCode_NewWithPosOnlyArgs).

#include "fixed_code.hpp"
#include "integers.hpp"
#include "strings.hpp"

namespace pycds::cpython::layout {

inline constexpr auto code_references = fixed_code_references({offsetof(PyCodeObject, co_lnotab), "co_lnotab"});
static_assert(sizeof(PyCodeObject) == 176 && offsetof(PyCodeObject, co_cell2arg) == 96);

// No immortality: a count that no program brings to zero.  PyUnicode_InternInPlace takes 2 from it and
// _PyUnicode_ClearInterned does not run in ordinary builds.
inline constexpr std::int64_t image_refcount = std::int64_t{1} << 40;

using String = StringWithWideText<>;
using Integer = SignedSizeInteger<>;

// Objects/longobject.c (NSMALLNEGINTS, NSMALLPOSINTS).
inline constexpr long smallest_small_int = -5;
inline constexpr long largest_small_int = 256;

inline void reset_tuple(PyTupleObject&) noexcept {}

// Objects/typeobject.c, PyType_Modified takes the flag away and leaves the number.
inline unsigned type_version(const PyTypeObject& type) noexcept {
    return (type.tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) != 0 ? type.tp_version_tag : 0;
}

}  // namespace pycds::cpython::layout
