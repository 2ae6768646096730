#pragma once

// CPython 3.13: Include/cpython/code.h, Include/cpython/unicodeobject.h, Objects/codeobject.c (init_code).

#include "field.hpp"

namespace pycds::cpython::layout {

inline constexpr ReferenceField code_references[] = {
    {offsetof(PyCodeObject, co_consts), "co_consts"},
    {offsetof(PyCodeObject, co_names), "co_names"},
    {offsetof(PyCodeObject, co_exceptiontable), "co_exceptiontable"},
    {offsetof(PyCodeObject, co_localsplusnames), "co_localsplusnames"},
    {offsetof(PyCodeObject, co_localspluskinds), "co_localspluskinds"},
    {offsetof(PyCodeObject, co_filename), "co_filename"},
    {offsetof(PyCodeObject, co_name), "co_name"},
    {offsetof(PyCodeObject, co_qualname), "co_qualname"},
    {offsetof(PyCodeObject, co_linetable), "co_linetable"},
};
static_assert(offsetof(PyCodeObject, co_code_adaptive) == 200);

// As init_code leaves a code object that was never run.
inline void reset_code(PyCodeObject& code) noexcept {
    code.co_version = 0;
    code.co_weakreflist = nullptr;
    code.co_executors = nullptr;
    code._co_cached = nullptr;
    code._co_instrumentation_version = 0;
    code._co_monitoring = nullptr;
    code.co_extra = nullptr;
    zero_between(code, offsetof(PyCodeObject, _co_firsttraceable) + sizeof(int), offsetof(PyCodeObject, co_extra));
}
// RESUME brings the version of the interpreter's instrumentation here at the first run (Python/bytecodes.c); it
// stays 0 where nothing was ever instrumented, so this catches traced code only.
inline bool is_pristine(const PyCodeObject& code) noexcept { return code._co_monitoring == nullptr; }

// Specialised calls are guarded by it (Python/specialize.c), so it must be unique; a function whose code has version 0
// is never specialised for.
inline constexpr bool has_code_version = true;
inline void set_code_version(PyCodeObject& code, std::uint32_t version) noexcept { code.co_version = version; }

// Immortal: Include/object.h.
inline constexpr std::int64_t image_refcount = _Py_IMMORTAL_REFCNT;

// unicode_dealloc (Objects/unicodeobject.c) never frees a string with this bit.
inline constexpr bool image_strings_are_static = true;

inline void reset_string(PyASCIIObject& string) noexcept { string.state.statically_allocated = 1; }
inline void reset_string(PyCompactUnicodeObject& string) noexcept {
    string.utf8 = nullptr;
    string.utf8_length = 0;
}

// The cached wchar_t text of a string is gone (PEP 623).
inline constexpr bool points_to_its_own_data(unsigned) noexcept { return false; }
inline void mark_uninterned(PyCompactUnicodeObject&) noexcept {}
inline bool complete_string(PyObject*) noexcept { return true; }

// Include/cpython/longintrepr.h: lv_tag holds the count above three bits of sign.
inline std::size_t digit_count(const PyLongObject& value) noexcept { return value.long_value.lv_tag >> 3; }
inline bool is_negative(const PyLongObject& value) noexcept { return (value.long_value.lv_tag & 3) == 2; }
inline constexpr std::size_t digits_offset = offsetof(PyLongObject, long_value) + offsetof(_PyLongValue, ob_digit);

}  // namespace pycds::cpython::layout
