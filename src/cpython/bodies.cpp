#include "bodies.hpp"

#include "canonical.hpp"
#include "layout.hpp"

#include <array>
#include <cstring>
#include <new>

namespace pycds::cpython {

namespace {

constexpr std::array<std::size_t, code_slot_count> slots = [] {
    static_assert(layout::code_references.size() == code_slot_count);
    std::array<std::size_t, code_slot_count> offsets{};
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        offsets[i] = layout::code_references[i].offset;
    }
    return offsets;
}();

// Its size, as the image of an object of variable size has it; no such size where it is negative.
std::size_t count_in(std::span<const std::byte> image) noexcept {
    const auto& object = *reinterpret_cast<const PyVarObject*>(image.data());
    return image.size() < sizeof(PyVarObject) ? SIZE_MAX : static_cast<std::size_t>(object.ob_size);
}

}  // namespace

std::span<const std::size_t, code_slot_count> code_slots() noexcept { return slots; }

std::size_t size_of_code_image(std::span<const std::byte> image) noexcept {
    if (image.size() < layout::code_header_size) {
        return 0;
    }
    const std::size_t size = layout::code_size(*reinterpret_cast<const PyCodeObject*>(image.data()));
    return size >= layout::code_header_size && size <= image.size() ? size : 0;
}

// As Objects/codeobject.c makes one (_PyCode_New; up to 3.10 PyCode_NewWithPosOnlyArgs) and code_dealloc frees it.
Ref new_code(std::span<const std::byte> image, std::span<Ref, code_slot_count> values) {
    void* const memory = PyObject_Malloc(image.size());
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    std::memcpy(memory, image.data(), image.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        PyObject* const value = values[i].release();
        std::memcpy(static_cast<std::byte*>(memory) + slots[i], &value, sizeof(value));
    }
    PyObject* const code = PyObject_Init(static_cast<PyObject*>(memory), &PyCode_Type);
    initialise_code(code);
    return Ref::steal(code);
}

Items items_of_tuple_image(std::span<const std::byte> image) noexcept {
    return {offsetof(PyTupleObject, ob_item), count_in(image)};
}

Items items_of_bytes_image(std::span<const std::byte> image) noexcept {
    return {offsetof(PyBytesObject, ob_sval), count_in(image)};
}

}  // namespace pycds::cpython
