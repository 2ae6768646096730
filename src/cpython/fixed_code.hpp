#pragma once

// Code objects up to CPython 3.10 (Include/code.h, Include/cpython/code.h; Objects/codeobject.c,
// PyCode_NewWithPosOnlyArgs): a struct of one size, its instructions a bytes object that is never written to.

#include "field.hpp"

#include <array>
#include <vector>

namespace pycds::cpython::layout {

// All but the last are the same in these versions.
constexpr std::array<ReferenceField, 9> fixed_code_references(ReferenceField line_table) {
    return {{
        {offsetof(PyCodeObject, co_code), "co_code"},
        {offsetof(PyCodeObject, co_consts), "co_consts"},
        {offsetof(PyCodeObject, co_names), "co_names"},
        {offsetof(PyCodeObject, co_varnames), "co_varnames"},
        {offsetof(PyCodeObject, co_freevars), "co_freevars"},
        {offsetof(PyCodeObject, co_cellvars), "co_cellvars"},
        {offsetof(PyCodeObject, co_filename), "co_filename"},
        {offsetof(PyCodeObject, co_name), "co_name"},
        line_table,
    }};
}

inline constexpr std::size_t code_header_size = sizeof(PyCodeObject);
inline std::size_t code_size(const PyCodeObject&) noexcept { return sizeof(PyCodeObject); }
inline PyObject* name_of_code(const PyCodeObject& code) noexcept { return code.co_name; }

// As PyCode_NewWithPosOnlyArgs leaves a code object that was never run.
inline void reset_code(PyCodeObject& code) noexcept {
    zero_between(code, offsetof(PyCodeObject, co_firstlineno) + sizeof(int), offsetof(PyCodeObject, co_code));
    zero_between(code, offsetof(PyCodeObject, co_zombieframe), sizeof(PyCodeObject));
}

// What a run leaves behind (a frame, a cache) is in fields that are reset.
inline bool is_pristine(const PyCodeObject&) noexcept { return true; }

// co_cell2arg maps cell variables to the arguments that they hold; null where no argument is one.  It belongs to the
// code object: in the image it lies right behind the struct, and its slot says whether it is there.
inline void append_arrays(const PyCodeObject& code, std::vector<std::byte>& image) {
    const std::uintptr_t is_there = code.co_cell2arg != nullptr ? 1 : 0;
    std::memcpy(image.data() + offsetof(PyCodeObject, co_cell2arg), &is_there, sizeof(is_there));
    if (is_there != 0) {
        const auto* begin = reinterpret_cast<const std::byte*>(code.co_cell2arg);
        image.insert(image.end(), begin, begin + PyTuple_GET_SIZE(code.co_cellvars) * Py_ssize_t{sizeof(Py_ssize_t)});
    }
}
inline void complete_code(PyCodeObject& code) noexcept {
    if (code.co_cell2arg != nullptr) {
        code.co_cell2arg = reinterpret_cast<Py_ssize_t*>(&code + 1);
    }
}

inline constexpr bool has_code_version = false;
inline void set_code_version(PyCodeObject&, std::uint32_t) noexcept {}

}  // namespace pycds::cpython::layout
