#include "regex.hpp"

#include "../image/checksum.hpp"
#include "../image/hexadecimal.hpp"
#include "objects.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace pycds::cpython {

namespace {

// Lib/re/_constants.py; TEMPLATE (1), LOCALE (4) and DEBUG (128) are not among them.
constexpr long ignorecase = 2;
constexpr long multiline = 8;
constexpr long dotall = 16;
constexpr long unicode = 32;
constexpr long verbose = 64;
constexpr long ascii = 256;
constexpr long kept_flags = ignorecase | multiline | dotall | unicode | verbose | ascii;

// Modules/_sre/sre.h: SRE_CODE.
using Word = std::uint32_t;

enum Part : Py_ssize_t { part_pattern, part_flags, part_words, part_groups, part_names, part_index, part_count };

PyObject* part(PyObject* data, Part which) noexcept { return PyTuple_GET_ITEM(data, which); }

std::span<const std::byte> contents(PyObject* pattern) noexcept {
    if (PyUnicode_Check(pattern)) {
        return string_data(pattern);
    }
    return {reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(pattern)),
            static_cast<std::size_t>(PyBytes_GET_SIZE(pattern))};
}

Ref list_of_words(PyObject* bytes) {
    const auto size = PyBytes_GET_SIZE(bytes) / static_cast<Py_ssize_t>(sizeof(Word));
    const char* next = PyBytes_AS_STRING(bytes);
    Ref list = Ref::steal(PyList_New(size));
    for (Py_ssize_t i = 0; i < size; ++i, next += sizeof(Word)) {
        Word word = 0;
        std::memcpy(&word, next, sizeof(word));
        PyList_SET_ITEM(list.get(), i, Ref::steal(PyLong_FromUnsignedLong(word)).release());
    }
    return list;
}

// In the order of the pattern.
Ref dict_of_names(PyObject* names) {
    Ref dict = Ref::steal(PyDict_New());
    for (Py_ssize_t i = 0; i + 1 < PyTuple_GET_SIZE(names); i += 2) {
        check(PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(names, i), PyTuple_GET_ITEM(names, i + 1)));
    }
    return dict;
}

}  // namespace

std::span<const std::string_view> regex_modules() noexcept {
#if PY_VERSION_HEX >= 0x030B0000
    static constexpr std::array<std::string_view, 4> modules = {"re._constants", "re._parser", "re._casefix",
                                                                "re._compiler"};
#else
    static constexpr std::array<std::string_view, 3> modules = {"sre_constants", "sre_parse", "sre_compile"};
#endif
    return modules;
}

std::optional<std::string> regex_key(PyObject* pattern, PyObject* flags) {
    const bool is_text = PyUnicode_CheckExact(pattern);
    if ((!is_text && !PyBytes_CheckExact(pattern)) || !PyLong_CheckExact(flags)) {
        return std::nullopt;
    }
    int overflow = 0;
    const long value = PyLong_AsLongAndOverflow(flags, &overflow);
    if (overflow != 0 || value < 0 || (value & ~kept_flags) != 0) {
        return std::nullopt;
    }
    // Equal strings have characters of equal width (Objects/unicodeobject.c: always the least).
    const unsigned width = is_text ? PyUnicode_KIND(pattern) : 0U;
    return "re:" + std::to_string(width) + ":" + std::to_string(value) + ":" +
           image::hexadecimal(image::checksum(contents(pattern)));
}

bool is_regex_of(PyObject* data, PyObject* pattern) {
    if (!PyTuple_CheckExact(data) || PyTuple_GET_SIZE(data) != part_count ||
        !PyLong_CheckExact(part(data, part_flags)) || !PyBytes_CheckExact(part(data, part_words)) ||
        !PyLong_CheckExact(part(data, part_groups)) || !PyTuple_CheckExact(part(data, part_names)) ||
        !PyTuple_CheckExact(part(data, part_index)) || Py_TYPE(part(data, part_pattern)) != Py_TYPE(pattern)) {
        return false;
    }
    const int equal = PyObject_RichCompareBool(part(data, part_pattern), pattern, Py_EQ);
    check(equal);
    return equal != 0;
}

Ref make_regex(PyObject* make, PyObject* pattern, PyObject* data) {
    const Ref words = list_of_words(part(data, part_words));
    const Ref names = dict_of_names(part(data, part_names));
    const std::array<PyObject*, 6> arguments = {
        pattern, part(data, part_flags), words.get(), part(data, part_groups), names.get(), part(data, part_index)};
    return Ref::steal(PyObject_Vectorcall(make, arguments.data(), arguments.size(), nullptr));
}

}  // namespace pycds::cpython
