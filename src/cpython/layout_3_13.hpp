#pragma once

// CPython 3.13: Include/cpython/code.h, Include/cpython/unicodeobject.h, Objects/codeobject.c (init_code).

#include "adaptive_code.hpp"
#include "integers.hpp"
#include "strings.hpp"

#include <opcode.h>

namespace pycds::cpython::layout {

static_assert(code_header_size == 200 && offsetof(PyCodeObject, co_executors) == 152);

// As init_code leaves a code object that was never run.  The counters of its inline caches are 17; 260 of
// JUMP_BACKWARD, 0x5555 of POP_JUMP_IF_*.
inline void reset_code(PyCodeObject& code) noexcept {
    code.co_version = 0;
    code.co_weakreflist = nullptr;
    code.co_executors = nullptr;
    code._co_cached = nullptr;
    code._co_instrumentation_version = 0;
    code._co_monitoring = nullptr;
    code.co_extra = nullptr;
    zero_padding(code);
}

// The first run rewrites RESUME (Python/bytecodes.c).
inline bool is_pristine(const PyCodeObject& code) noexcept {
    return code._co_monitoring == nullptr && code.co_executors == nullptr &&
           begins_unrun(code, std::array<unsigned, 4>{COPY_FREE_VARS, MAKE_CELL, RETURN_GENERATOR, POP_TOP},
                        std::array<unsigned, 3>{RESUME_CHECK, INSTRUMENTED_RESUME, ENTER_EXECUTOR});
}

// Specialised calls are guarded by it (Python/specialize.c), so it must be unique; a function whose code has version 0
// is never specialised for.
inline constexpr bool has_code_version = true;
inline void set_code_version(PyCodeObject& code, std::uint32_t version) noexcept { code.co_version = version; }

// Immortal: Include/object.h.
inline constexpr std::int64_t image_refcount = _Py_IMMORTAL_REFCNT;

// unicode_dealloc (Objects/unicodeobject.c) never frees a string with the static bit.
using String = StringWithStaticBit<true>;
using Integer = TaggedInteger<>;

// Include/internal/pycore_runtime_structs.h (_PY_NSMALLNEGINTS, _PY_NSMALLPOSINTS).
inline constexpr long smallest_small_int = -5;
inline constexpr long largest_small_int = 256;

inline void reset_tuple(PyTupleObject&) noexcept {}

// Objects/typeobject.c, PyType_Modified sets it to 0.
inline unsigned type_version(const PyTypeObject& type) noexcept { return type.tp_version_tag; }

}  // namespace pycds::cpython::layout
