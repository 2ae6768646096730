#pragma once

// Compact strings (Include/cpython/unicodeobject.h) in their two forms.  Templates, so that a version need not have the
// other's fields.

#include "field.hpp"

namespace pycds::cpython::layout {

// Up to 3.11: with a cached wchar_t text (removed by PEP 623).
template <typename Ascii = PyASCIIObject, typename Compact = PyCompactUnicodeObject>
struct StringWithWideText {
    static void reset(Ascii& string) noexcept {
        string.state.ready = 1;
        string.wstr = nullptr;
    }
    static void reset(Compact& string) noexcept {
        string.utf8 = nullptr;
        string.utf8_length = 0;
        string.wstr_length = 0;
    }

    // Objects/unicodeobject.c, PyUnicode_New: where a character is as wide as wchar_t, the cached text of a string that
    // is not ASCII is its own data, and unicode_copy_as_widechar relies on that.  The address is known where the string
    // is placed; until then the length says whether the string is to be interned.
    static constexpr bool points_to_its_own_data(unsigned kind) noexcept { return kind == sizeof(wchar_t); }
    static void mark_uninterned(Compact& string) noexcept { string.wstr_length = 1; }
    // Whether the string is to be interned.
    static bool complete(PyObject* string) noexcept {
        auto& compact = *reinterpret_cast<Compact*>(string);
        if (compact._base.state.ascii != 0 || !points_to_its_own_data(compact._base.state.kind)) {
            return true;
        }
        const bool to_be_interned = compact.wstr_length == 0;
        compact._base.wstr = reinterpret_cast<wchar_t*>(&compact + 1);
        compact.wstr_length = compact._base.length;
        return to_be_interned;
    }
};

// From 3.12 on.  `is_static` is the bit statically_allocated of every string in an image.
template <bool is_static, typename Ascii = PyASCIIObject, typename Compact = PyCompactUnicodeObject>
struct StringWithStaticBit {
    static void reset(Ascii& string) noexcept { string.state.statically_allocated = is_static ? 1 : 0; }
    static void reset(Compact& string) noexcept {
        string.utf8 = nullptr;
        string.utf8_length = 0;
    }
    static constexpr bool points_to_its_own_data(unsigned) noexcept { return false; }
    static void mark_uninterned(Compact&) noexcept {}
    static bool complete(PyObject*) noexcept { return true; }
};

}  // namespace pycds::cpython::layout
