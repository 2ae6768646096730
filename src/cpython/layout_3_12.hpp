#pragma once

// CPython 3.12: Include/cpython/code.h, Include/cpython/unicodeobject.h, Objects/codeobject.c (init_code).

#include "adaptive_code.hpp"
#include "integers.hpp"
#include "strings.hpp"

namespace pycds::cpython::layout {

static_assert(code_header_size == 192 && offsetof(PyCodeObject, co_version) == 92);

// As init_code leaves a code object that was never run.  The counters of its inline caches are 17, and _PyCode_Quicken
// has combined pairs of instructions.
inline void reset_code(PyCodeObject& code) noexcept {
    code.co_version = 0;
    code.co_weakreflist = nullptr;
    code._co_cached = nullptr;
    code._co_instrumentation_version = 0;
    code._co_monitoring = nullptr;
    code.co_extra = nullptr;
    zero_padding(code);
}

// RESUME brings the version of the interpreter's instrumentation here at the first run (Python/bytecodes.c); it
// stays 0 where nothing was ever instrumented, so this catches traced code only.
inline bool is_pristine(const PyCodeObject& code) noexcept { return code._co_monitoring == nullptr; }

// Specialised calls are guarded by it (Python/specialize.c), so it must be unique and not 0.
inline constexpr bool has_code_version = true;
inline void set_code_version(PyCodeObject& code, std::uint32_t version) noexcept { code.co_version = version; }

// Immortal: Include/object.h.
inline constexpr std::int64_t image_refcount = _Py_IMMORTAL_REFCNT;

// The static bit would send a string to the process-wide table of static strings (Objects/unicodeobject.c,
// PyUnicode_InternInPlace), and two equal interned strings could exist.
using String = StringWithStaticBit<false>;
using Integer = TaggedInteger<>;

// Include/internal/pycore_global_objects.h (_PY_NSMALLNEGINTS, _PY_NSMALLPOSINTS).
inline constexpr long smallest_small_int = -5;
inline constexpr long largest_small_int = 256;

inline void reset_tuple(PyTupleObject&) noexcept {}

// Objects/typeobject.c, PyType_Modified sets it to 0.
inline unsigned type_version(const PyTypeObject& type) noexcept { return type.tp_version_tag; }

}  // namespace pycds::cpython::layout
