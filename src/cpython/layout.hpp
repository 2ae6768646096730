#pragma once

// The description of the CPython that this extension is built for: one header for each version, all with the same
// names.  Nothing outside this directory mentions a version; docs/new-version.md tells how to add one.
//
// Code objects (fixed_code.hpp or adaptive_code.hpp, and the version's own):
//   code_references      the object pointers
//   code_header_size, code_size(code), name_of_code(code)
//   reset_code(copy)     fields that belong to a process, not to the code
//   is_pristine(code)    never executed
//   append_arrays(code, image), complete_code(code)    what a raw pointer leads to: written behind the object, found
//   again has_code_version, set_code_version(code, version)
// Other objects:
//   image_refcount       the first word of every object in an image
//   String               reset(), and what has to be done to a string when it is placed (strings.hpp)
//   Integer              digits and sign (integers.hpp)
//   smallest_small_int, largest_small_int    the ints that the runtime owns
//   reset_tuple(copy)
//   type_version(type)   0, or a number that changes with the attributes of the type or of its bases

#include "python.hpp"

#if PY_VERSION_HEX >= 0x03080000 && PY_VERSION_HEX < 0x03090000
#include "layout_3_8.hpp"
#elif PY_VERSION_HEX >= 0x03090000 && PY_VERSION_HEX < 0x030A0000
#include "layout_3_9.hpp"
#elif PY_VERSION_HEX >= 0x030A0000 && PY_VERSION_HEX < 0x030B0000
#include "layout_3_10.hpp"
#elif PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000
#include "layout_3_11.hpp"
#elif PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000
#include "layout_3_12.hpp"
#elif PY_VERSION_HEX >= 0x030D0000 && PY_VERSION_HEX < 0x030E0000
#include "layout_3_13.hpp"
#elif PY_VERSION_HEX >= 0x030E0000 && PY_VERSION_HEX < 0x030F0000
#include "layout_3_14.hpp"
#elif PY_VERSION_HEX >= 0x030F0000 && PY_VERSION_HEX < 0x03100000
#include "layout_3_15.hpp"
#else
#error "PyCDS has no description of this CPython version; see docs/new-version.md"
#endif

static_assert(sizeof(void*) == 8, "PyCDS supports 64-bit builds only");
#ifdef Py_GIL_DISABLED
#error "PyCDS does not support free-threaded builds of CPython"
#endif
