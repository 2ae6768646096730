#include "objects.hpp"

#include "layout.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace pycds::cpython {

namespace {

using image::RuntimeType;

template <typename Struct>
Struct& view(std::vector<std::byte>& bytes) noexcept {
    return *reinterpret_cast<Struct*>(bytes.data());
}

// The image's reference count, and no type yet: the type slot is a reference like any other.
void set_header(std::vector<std::byte>& bytes) noexcept {
    auto& object = view<PyObject>(bytes);
    std::memcpy(static_cast<void*>(&object), &layout::image_refcount, sizeof(layout::image_refcount));
    object.ob_type = nullptr;
}

ObjectImage copy_of(RuntimeType type, const void* object, std::size_t size) {
    const auto* begin = static_cast<const std::byte*>(object);
    ObjectImage copy{type, std::vector<std::byte>(begin, begin + size)};
    set_header(copy.bytes);
    return copy;
}

std::size_t string_header_size(PyObject* string) noexcept {
    return PyUnicode_IS_ASCII(string) ? sizeof(PyASCIIObject) : sizeof(PyCompactUnicodeObject);
}

}  // namespace

std::span<const std::byte> string_data(PyObject* string) noexcept {
    return {static_cast<const std::byte*>(PyUnicode_DATA(string)),
            static_cast<std::size_t>(PyUnicode_GET_LENGTH(string)) * PyUnicode_KIND(string)};
}

unsigned string_kind(PyObject* string) noexcept {
    return PyUnicode_KIND(string) * 2U + static_cast<unsigned>(PyUnicode_IS_ASCII(string));
}

ObjectImage string_image(PyObject* string) {
    // A terminating zero of the string's own width follows the data (Objects/unicodeobject.c, PyUnicode_New).
    const std::size_t header = string_header_size(string);
    const auto data = string_data(string);
    const std::size_t size = header + data.size() + PyUnicode_KIND(string);
    ObjectImage image{RuntimeType::string, std::vector<std::byte>(size)};
    set_header(image.bytes);
    // Field by field: the unused bits of the state are not initialised in a live string.
    auto& ascii = view<PyASCIIObject>(image.bytes);
    ascii.length = PyUnicode_GET_LENGTH(string);
    ascii.hash = -1;
    ascii.state.kind = PyUnicode_KIND(string);
    ascii.state.compact = 1;
    ascii.state.ascii = PyUnicode_IS_ASCII(string);
    layout::String::reset(ascii);
    if (header == sizeof(PyCompactUnicodeObject)) {
        auto& compact = view<PyCompactUnicodeObject>(image.bytes);
        layout::String::reset(compact);
        if (must_be_canonical(string)) {
            layout::String::mark_uninterned(compact);
        }
    }
    std::copy(data.begin(), data.end(), image.bytes.begin() + static_cast<std::ptrdiff_t>(header));
    return image;
}

bool must_be_canonical(PyObject* string) noexcept {
    return PyUnicode_CHECK_INTERNED(string) == 0 && layout::String::points_to_its_own_data(PyUnicode_KIND(string));
}

ObjectImage bytes_image(PyObject* bytes) {
    const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(bytes));
    ObjectImage image = copy_of(RuntimeType::bytes, bytes, offsetof(PyBytesObject, ob_sval) + size + 1);
    // ob_shash, the first field behind the head; naming it draws a deprecation warning.
    constexpr std::size_t hash_offset = sizeof(PyVarObject);
    static_assert(hash_offset + sizeof(Py_hash_t) == offsetof(PyBytesObject, ob_sval));
    const Py_hash_t unset = -1;
    std::memcpy(image.bytes.data() + hash_offset, &unset, sizeof(unset));
    return image;
}

ObjectImage integer_image(PyObject* integer) {
    const auto& value = *reinterpret_cast<PyLongObject*>(integer);
    using layout::Integer;
    return copy_of(RuntimeType::integer, integer,
                   Integer::digits_offset() + Integer::digit_count(value) * sizeof(digit));
}

ObjectImage float_image(PyObject* floating) { return copy_of(RuntimeType::floating, floating, sizeof(PyFloatObject)); }

ObjectImage complex_image(PyObject* complex) { return copy_of(RuntimeType::complex, complex, sizeof(PyComplexObject)); }

bool equals_itself(PyObject* number) noexcept {
    if (PyFloat_CheckExact(number)) {
        return !std::isnan(PyFloat_AS_DOUBLE(number));
    }
    const Py_complex value = reinterpret_cast<PyComplexObject*>(number)->cval;
    return !std::isnan(value.real) && !std::isnan(value.imag);
}

ObjectImage tuple_image(std::size_t size) {
    ObjectImage image{RuntimeType::tuple, std::vector<std::byte>(tuple_item_slot(size)), collector_header_size};
    set_header(image.bytes);
    view<PyVarObject>(image.bytes).ob_size = static_cast<Py_ssize_t>(size);
    layout::reset_tuple(view<PyTupleObject>(image.bytes));
    return image;
}

std::size_t tuple_item_slot(std::size_t i) noexcept { return offsetof(PyTupleObject, ob_item) + i * sizeof(PyObject*); }

ObjectImage slice_image() {
    ObjectImage image{RuntimeType::slice, std::vector<std::byte>(sizeof(PySliceObject)), collector_header_size};
    set_header(image.bytes);
    return image;
}

std::span<const std::size_t> slice_slots() noexcept {
    static constexpr std::array<std::size_t, 3> slots = {offsetof(PySliceObject, start), offsetof(PySliceObject, stop),
                                                         offsetof(PySliceObject, step)};
    return slots;
}

std::vector<PyObject*> slice_members(PyObject* slice) {
    const auto& value = *reinterpret_cast<PySliceObject*>(slice);
    return {value.start, value.stop, value.step};
}

ObjectImage code_image(PyCodeObject* code) {
    ObjectImage image = copy_of(RuntimeType::code, code, layout::code_size(*code));
    layout::reset_code(view<PyCodeObject>(image.bytes));
    for (const ReferenceField& field : layout::code_references) {
        std::memset(image.bytes.data() + field.offset, 0, sizeof(PyObject*));
    }
    layout::append_arrays(*code, image.bytes);
    return image;
}

std::vector<CodeReference> code_references(PyCodeObject* code) {
    std::vector<CodeReference> references;
    references.reserve(std::size(layout::code_references));
    for (const ReferenceField& field : layout::code_references) {
        PyObject* target = nullptr;
        std::memcpy(&target, reinterpret_cast<const std::byte*>(code) + field.offset, sizeof(PyObject*));
        references.push_back({field.offset, field.name, target});
    }
    return references;
}

// Python/compile.c, compute_code_flags: of scopes that have fast locals.
bool is_function(PyCodeObject* code) noexcept { return (code->co_flags & CO_OPTIMIZED) != 0; }

bool is_pristine(PyCodeObject* code) noexcept { return layout::is_pristine(*code); }

PyObject* name_of_code(PyCodeObject* code) noexcept { return layout::name_of_code(*code); }

std::size_t code_header_size() noexcept { return layout::code_header_size; }

}  // namespace pycds::cpython
