#pragma once

// CPython 3.11: Include/cpython/code.h, Include/cpython/unicodeobject.h, Objects/codeobject.c (init_code).

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
static_assert(offsetof(PyCodeObject, co_code_adaptive) == 184);

// As init_code leaves a code object that was never run.
inline void reset_code(PyCodeObject& code) noexcept {
    code.co_weakreflist = nullptr;
    code._co_code = nullptr;
    code._co_linearray = nullptr;
    code._co_linearray_entry_size = 0;
    code.co_extra = nullptr;
    zero_between(code, offsetof(PyCodeObject, _co_firsttraceable) + sizeof(int), offsetof(PyCodeObject, co_extra));
}
// QUICKENING_INITIAL_WARMUP_VALUE, Include/internal/pycore_code.h.  Code that has run counts up from here, and its
// instructions are rewritten at 0.
inline bool is_pristine(const PyCodeObject& code) noexcept { return code.co_warmup == -8; }

inline constexpr bool has_code_version = false;
inline void set_code_version(PyCodeObject&, std::uint32_t) noexcept {}

// No immortality: a count that no program brings to zero.  PyUnicode_InternInPlace takes 2 from it and
// _PyUnicode_ClearInterned gives them back.
inline constexpr std::int64_t image_refcount = std::int64_t{1} << 40;

inline constexpr bool image_strings_are_static = false;

inline void reset_string(PyASCIIObject& string) noexcept {
    string.state.ready = 1;
    string.wstr = nullptr;
}
inline void reset_string(PyCompactUnicodeObject& string) noexcept {
    string.utf8 = nullptr;
    string.utf8_length = 0;
    string.wstr_length = 0;
}

// Objects/unicodeobject.c, PyUnicode_New: where a character is as wide as wchar_t, the cached wchar_t text of a compact
// string is its own data, and unicode_copy_as_widechar relies on that.  The address is known where the string is
// placed; until then the length says whether the string is to be interned.
inline constexpr bool points_to_its_own_data(unsigned kind) noexcept { return kind == sizeof(wchar_t); }
inline void mark_uninterned(PyCompactUnicodeObject& string) noexcept { string.wstr_length = 1; }
inline bool complete_string(PyObject* string) noexcept {
    auto& compact = *reinterpret_cast<PyCompactUnicodeObject*>(string);
    if (compact._base.state.ascii != 0 || !points_to_its_own_data(compact._base.state.kind)) {
        return true;
    }
    const bool to_be_interned = compact.wstr_length == 0;
    compact._base.wstr = reinterpret_cast<wchar_t*>(&compact + 1);
    compact.wstr_length = compact._base.length;
    return to_be_interned;
}

// Include/cpython/longintrepr.h: the sign is that of ob_size.
inline std::size_t digit_count(const PyLongObject& value) noexcept {
    const Py_ssize_t size = value.ob_base.ob_size;
    return static_cast<std::size_t>(size < 0 ? -size : size);
}
inline bool is_negative(const PyLongObject& value) noexcept { return value.ob_base.ob_size < 0; }
inline constexpr std::size_t digits_offset = offsetof(PyLongObject, ob_digit);

}  // namespace pycds::cpython::layout
