#pragma once

// The description of the CPython that this extension is built for.  Each version has a header of its own with the
// same names; nothing outside this directory mentions a version.
//
//   code_references           the object pointers of a code object
//   reset_code, is_pristine   fields that belong to a process, not to the code
//   has_code_version, set_code_version
//   image_refcount            the first word of every object in an image
//   reset_string              string fields that belong to a process, and the static bit
//   digit_count, is_negative, digits_offset  ints

#include "python.hpp"

#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000
#include "layout_3_11.hpp"
#elif PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000
#include "layout_3_12.hpp"
#elif PY_VERSION_HEX >= 0x030D0000 && PY_VERSION_HEX < 0x030E0000
#include "layout_3_13.hpp"
#else
#error "PyCDS has no description of this CPython version; see docs/new-version.md"
#endif

static_assert(sizeof(void*) == 8, "PyCDS supports 64-bit builds only");
