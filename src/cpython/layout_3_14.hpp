#pragma once

// CPython 3.14: Include/cpython/code.h, Include/cpython/unicodeobject.h, Objects/codeobject.c (init_code).

#include "adaptive_code.hpp"
#include "integers.hpp"
#include "strings.hpp"

#include <opcode.h>

namespace pycds::cpython::layout {

static_assert(code_header_size == 208 && offsetof(PyCodeObject, _co_unique_id) == 184);

// As init_code leaves a code object that was never run.  The counters of its inline caches are 17; 0xFFFC of
// JUMP_BACKWARD, 0x5555 of POP_JUMP_IF_*.
inline void reset_code(PyCodeObject& code) noexcept {
    code.co_version = 0;
    code.co_weakreflist = nullptr;
    code.co_executors = nullptr;
    code._co_cached = nullptr;
    code._co_instrumentation_version = 0;
    code._co_monitoring = nullptr;
    code._co_unique_id = 0;  // _Py_INVALID_UNIQUE_ID, Include/internal/pycore_uniqueid.h
    code.co_extra = nullptr;
    zero_padding(code);
}

// The first run rewrites RESUME, and each LOAD_CONST by whether its constant is immortal (Python/bytecodes.c).
inline bool is_pristine(const PyCodeObject& code) noexcept {
    return code._co_monitoring == nullptr && code.co_executors == nullptr &&
           begins_unrun(code, std::array<unsigned, 4>{COPY_FREE_VARS, MAKE_CELL, RETURN_GENERATOR, POP_TOP},
                        std::array<unsigned, 3>{RESUME_CHECK, INSTRUMENTED_RESUME, ENTER_EXECUTOR});
}

// Specialised calls are guarded by it (Python/specialize.c), so it must be unique; a function whose code has version 0
// or 1 is never specialised for.
inline constexpr bool has_code_version = true;
inline void set_code_version(PyCodeObject& code, std::uint32_t version) noexcept { code.co_version = version; }

// Immortal and static: Include/refcount.h.
inline constexpr std::int64_t image_refcount = _Py_STATIC_IMMORTAL_INITIAL_REFCNT;

// Interned strings are made mortal and freed when the interpreter ends (Objects/unicodeobject.c,
// _PyUnicode_ClearInterned), but unicode_dealloc never frees one with the static bit.
using String = StringWithStaticBit<true>;
using Integer = TaggedInteger<>;

// Include/internal/pycore_runtime_structs.h (_PY_NSMALLNEGINTS, _PY_NSMALLPOSINTS).
inline constexpr long smallest_small_int = -5;
inline constexpr long largest_small_int = 256;

// The cached hash may depend on the process's (Include/cpython/tupleobject.h).
inline void reset_tuple(PyTupleObject& tuple) noexcept { tuple.ob_hash = -1; }

// Objects/typeobject.c, PyType_Modified sets it to 0.
inline unsigned type_version(const PyTypeObject& type) noexcept { return type.tp_version_tag; }

}  // namespace pycds::cpython::layout
