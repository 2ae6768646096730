#pragma once

// Live constants and code objects as bytes: what the object looks like in an image, its references left to the caller.
// Every object begins with the image's reference count and the slot of its type.

#include "../image/reference.hpp"
#include "python.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pycds::cpython {

// Where a type pointer lies in every object.
inline constexpr std::size_t type_slot = offsetof(PyObject, ob_type);

struct ObjectImage {
    image::RuntimeType type;
    std::vector<std::byte> bytes;
    std::size_t prefix = 0;  // zero bytes needed before the object: the garbage collector's header
};

// Objects without references to others.  The argument's exact type must be the one in the name.
[[nodiscard]] ObjectImage string_image(PyObject* string);
[[nodiscard]] ObjectImage bytes_image(PyObject* bytes);
[[nodiscard]] ObjectImage integer_image(PyObject* integer);
[[nodiscard]] ObjectImage float_image(PyObject* floating);
[[nodiscard]] ObjectImage complex_image(PyObject* complex);

// False for a NaN, and for a complex number with one.
[[nodiscard]] bool equals_itself(PyObject* number) noexcept;

// Containers, with their reference words zero.
[[nodiscard]] ObjectImage tuple_image(std::size_t size);
[[nodiscard]] std::size_t tuple_item_slot(std::size_t i) noexcept;
[[nodiscard]] ObjectImage slice_image();
// Offsets of start, stop and step.
[[nodiscard]] std::span<const std::size_t> slice_slots() noexcept;
[[nodiscard]] std::vector<PyObject*> slice_members(PyObject* slice);

// A code object and the objects it refers to, in the order of its reference fields.
[[nodiscard]] ObjectImage code_image(PyCodeObject* code);
struct CodeReference {
    std::size_t slot;
    const char* field;
    PyObject* target;  // borrowed
};
[[nodiscard]] std::vector<CodeReference> code_references(PyCodeObject* code);
// Of a function, lambda, comprehension or the like; else of a module or class.
[[nodiscard]] bool is_function(PyCodeObject* code) noexcept;
[[nodiscard]] bool is_pristine(PyCodeObject* code) noexcept;
// The name for messages: qualified where the version knows it.  Borrowed.
[[nodiscard]] PyObject* name_of_code(PyCodeObject* code) noexcept;
// The fewest bytes that a code object has.
[[nodiscard]] std::size_t code_header_size() noexcept;

// Whether a string is to lie among the canonical ones of an image although it is not interned: what has to be done to
// it when it is placed is done to these alone.
[[nodiscard]] bool must_be_canonical(PyObject* string) noexcept;

// What makes two leaf constants the same object in an image: their value, to the bit.
[[nodiscard]] std::span<const std::byte> string_data(PyObject* string) noexcept;
[[nodiscard]] unsigned string_kind(PyObject* string) noexcept;

}  // namespace pycds::cpython
