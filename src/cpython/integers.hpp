#pragma once

// The two ways in which CPython has written down the sign and the digits of an int.

#include "field.hpp"

namespace pycds::cpython::layout {

// Up to 3.11, Include/longintrepr.h: the sign is that of ob_size.  A template, so that the newer struct does not have
// to have its fields.
template <typename Long = PyLongObject>
struct SignedSizeInteger {
    static std::size_t digit_count(const Long& value) noexcept {
        const Py_ssize_t size = value.ob_base.ob_size;
        return static_cast<std::size_t>(size < 0 ? -size : size);
    }
    static bool is_negative(const Long& value) noexcept { return value.ob_base.ob_size < 0; }
    static constexpr std::size_t digits_offset() noexcept { return offsetof(Long, ob_digit); }
};

// From 3.12 on, Include/cpython/longintrepr.h: lv_tag holds the count above three bits; the lower two are the sign (0
// +, 1 zero, 2 -), the third marks small ints that the runtime owns (3.14).
template <typename Long = PyLongObject>
struct TaggedInteger {
    static std::size_t digit_count(const Long& value) noexcept { return value.long_value.lv_tag >> 3; }
    static bool is_negative(const Long& value) noexcept { return (value.long_value.lv_tag & 3) == 2; }
    static constexpr std::size_t digits_offset() noexcept { return offsetof(Long, long_value.ob_digit); }
};

}  // namespace pycds::cpython::layout
