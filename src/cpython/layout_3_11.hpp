#pragma once

// CPython 3.11: Include/cpython/code.h, Include/cpython/unicodeobject.h, Objects/codeobject.c (init_code).

#include "adaptive_code.hpp"
#include "integers.hpp"
#include "strings.hpp"

namespace pycds::cpython::layout {

static_assert(code_header_size == 184 && offsetof(PyCodeObject, co_consts) == 24);

// As init_code leaves a code object that was never run.  All its inline caches are 0.
inline void reset_code(PyCodeObject& code) noexcept {
    code.co_weakreflist = nullptr;
    code._co_code = nullptr;
    code._co_linearray = nullptr;
    code._co_linearray_entry_size = 0;
    code.co_extra = nullptr;
    zero_padding(code);
}

// QUICKENING_INITIAL_WARMUP_VALUE, Include/internal/pycore_code.h.  Code that has run counts up from here, and its
// instructions are rewritten at 0.
inline bool is_pristine(const PyCodeObject& code) noexcept { return code.co_warmup == -8; }

inline constexpr bool has_code_version = false;
inline void set_code_version(PyCodeObject&, std::uint32_t) noexcept {}

// No immortality: a count that no program brings to zero.  PyUnicode_InternInPlace takes 2 from it and
// _PyUnicode_ClearInterned gives them back.
inline constexpr std::int64_t image_refcount = std::int64_t{1} << 40;

using String = StringWithWideText<>;
using Integer = SignedSizeInteger<>;

// Include/internal/pycore_global_objects.h (_PY_NSMALLNEGINTS, _PY_NSMALLPOSINTS).
inline constexpr long smallest_small_int = -5;
inline constexpr long largest_small_int = 256;

inline void reset_tuple(PyTupleObject&) noexcept {}

// Objects/typeobject.c, PyType_Modified sets it to 0.
inline unsigned type_version(const PyTypeObject& type) noexcept { return type.tp_version_tag; }

}  // namespace pycds::cpython::layout
