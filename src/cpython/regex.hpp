#pragma once

// What is known of CPython's compiler of regular expressions: Lib/re/_compiler.py (Lib/sre_compile.py before 3.11)
// turns a pattern into words, and ends in _sre.compile, which makes the Pattern of them.  The arguments of that last
// call are all that a Pattern is made of.

#include "python.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pycds::cpython {

// The modules that the compiler consists of, in the order in which they are complete; the last has its `compile`.
[[nodiscard]] std::span<const std::string_view> regex_modules() noexcept;

// Under which name the result of compile(pattern, flags) is kept; nullopt where it is not: a subclass, a flag that
// makes the result depend on more than these two (LOCALE), or the call do more than give it (DEBUG, and TEMPLATE, which
// is deprecated).  Throws std::bad_alloc.
[[nodiscard]] std::optional<std::string> regex_key(PyObject* pattern, PyObject* flags);

// What is kept: the tuple (pattern, flags, words as bytes, groups, (name, number, …), names by number), where `flags`
// and all behind it are arguments of _sre.compile.
// Whether `data` is such a tuple, and of an equal pattern.  Throws PythonError.
[[nodiscard]] bool is_regex_of(PyObject* data, PyObject* pattern);
// Calls _sre.compile, given as `make`, with `pattern` and what is kept.  Throws PythonError.
[[nodiscard]] Ref make_regex(PyObject* make, PyObject* pattern, PyObject* data);

}  // namespace pycds::cpython
