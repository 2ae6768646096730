#pragma once

// Code objects from CPython 3.11 on (Include/cpython/code.h; Objects/codeobject.c, init_code): the instructions lie at
// the end of the object, with room for inline caches between them, and are rewritten as the code runs.

#include "field.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace pycds::cpython::layout {

inline constexpr std::array<ReferenceField, 9> code_references = {{
    {offsetof(PyCodeObject, co_consts), "co_consts"},
    {offsetof(PyCodeObject, co_names), "co_names"},
    {offsetof(PyCodeObject, co_exceptiontable), "co_exceptiontable"},
    {offsetof(PyCodeObject, co_localsplusnames), "co_localsplusnames"},
    {offsetof(PyCodeObject, co_localspluskinds), "co_localspluskinds"},
    {offsetof(PyCodeObject, co_filename), "co_filename"},
    {offsetof(PyCodeObject, co_name), "co_name"},
    {offsetof(PyCodeObject, co_qualname), "co_qualname"},
    {offsetof(PyCodeObject, co_linetable), "co_linetable"},
}};

inline constexpr std::size_t code_header_size = offsetof(PyCodeObject, co_code_adaptive);
inline constexpr std::size_t code_unit_size = 2;  // _Py_CODEUNIT
inline std::size_t code_size(const PyCodeObject& code) noexcept {
    return code_header_size + static_cast<std::size_t>(Py_SIZE(&code)) * code_unit_size;
}
inline PyObject* name_of_code(const PyCodeObject& code) noexcept { return code.co_qualname; }

inline void append_arrays(const PyCodeObject&, std::vector<std::byte>&) noexcept {}
inline void complete_code(PyCodeObject&) noexcept {}

// The padding between the last counter and the last pointer.
inline void zero_padding(PyCodeObject& code) noexcept {
    zero_between(code, offsetof(PyCodeObject, _co_firsttraceable) + sizeof(int), offsetof(PyCodeObject, co_extra));
}

// Whether the first instruction behind a function's prologue is none of `rewritten`: what RESUME becomes when the code
// is run for the first time, with or without instrumentation.
template <std::size_t prologue_size, std::size_t rewritten_size>
bool begins_unrun(const PyCodeObject& code, const std::array<unsigned, prologue_size>& prologue,
                  const std::array<unsigned, rewritten_size>& rewritten) noexcept {
    const auto* instructions = reinterpret_cast<const unsigned char*>(&code) + code_header_size;
    const auto* end = instructions + static_cast<std::size_t>(Py_SIZE(&code)) * code_unit_size;
    const auto is_one_of = [](const auto& opcodes, unsigned opcode) {
        return std::find(opcodes.begin(), opcodes.end(), opcode) != opcodes.end();
    };
    while (instructions < end && is_one_of(prologue, *instructions)) {
        instructions += code_unit_size;
    }
    return instructions == end || !is_one_of(rewritten, *instructions);
}

}  // namespace pycds::cpython::layout
