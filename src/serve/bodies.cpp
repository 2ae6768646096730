// What is needed once (image/format.hpp, most_nested_bodies), from the bytes of the file into objects of the
// runtime's allocator: nothing of it stays when the module's body has run.

#include "../cpython/bodies.hpp"

#include "../cpython/objects.hpp"
#include "linker.hpp"

#include <array>
#include <cstring>

namespace pycds::serve {

namespace {

using cpython::Ref;
using image::Extent;
using image::Reference;
using image::RuntimeType;

// A code object, its tuple of constants, in that the next code object.
constexpr unsigned deepest = 2 * image::most_nested_bodies;

Reference reference_at(std::span<const std::byte> object, std::size_t slot) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, object.data() + slot, sizeof(word));
    return Reference(word);
}

}  // namespace

bool Linker::is_needed_once(Reference reference, const Extent& segment) noexcept {
    return reference.kind() == image::ReferenceKind::segment && reference.offset() >= segment.objects.size();
}

Ref Linker::value_of(Reference reference, const Extent& segment) {
    if (is_needed_once(reference, segment)) {
        return make_body(reference, segment);
    }
    if (reference.kind() == image::ReferenceKind::segment && reference.offset() % image::object_alignment != 0) {
        reader_.damaged("the place of an object");  // whose references are about to be counted
    }
    return Ref::borrow(resolve(reference, segment));
}

Ref Linker::make_body(Reference reference, const Extent& segment) {
    const std::uint64_t offset = reference.offset() - segment.objects.size();
    if (offset % image::object_alignment != 0 || offset >= segment.bodies.size() || body_depth_ == deepest) {
        reader_.damaged("a reference to what is needed once");
    }
    const auto object = segment.bodies.subspan(offset);  // of 16 bytes at least: its reference count and its type
    const Reference type = reference_at(object, cpython::type_slot);
    ++body_depth_;
    Ref made = type == Reference::to_type(RuntimeType::code)    ? make_body_code(object, segment)
               : type == Reference::to_type(RuntimeType::tuple) ? make_body_tuple(object, segment)
               : type == Reference::to_type(RuntimeType::bytes) ? make_body_bytes(object)
                                                                : Ref();
    --body_depth_;  // after a failure the linker does nothing more
    if (!made) {
        reader_.damaged("an object that is needed once");
    }
    return made;
}

Ref Linker::make_body_code(std::span<const std::byte> object, const Extent& segment) {
    const std::size_t size = cpython::size_of_code_image(object);
    if (size == 0) {
        return {};
    }
    std::array<Ref, cpython::code_slot_count> values;
    const auto slots = cpython::code_slots();
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = value_of(reference_at(object, slots[i]), segment);
    }
    return cpython::new_code(object.first(size), values);
}

Ref Linker::make_body_tuple(std::span<const std::byte> object, const Extent& segment) {
    const cpython::Items items = cpython::items_of_tuple_image(object);
    if (items.offset > object.size() || items.count > (object.size() - items.offset) / sizeof(Reference)) {
        return {};
    }
    Ref tuple = Ref::steal(PyTuple_New(static_cast<Py_ssize_t>(items.count)));
    // Like those that stay.  And its items may have no type yet when another tuple starts a collection.
    PyObject_GC_UnTrack(tuple.get());
    for (std::size_t i = 0; i < items.count; ++i) {
        const Reference item = reference_at(object, items.offset + i * sizeof(Reference));
        PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), value_of(item, segment).release());
    }
    return tuple;
}

Ref Linker::make_body_bytes(std::span<const std::byte> object) {
    const cpython::Items items = cpython::items_of_bytes_image(object);
    if (items.offset > object.size() || items.count > object.size() - items.offset) {
        return {};
    }
    const auto* text = reinterpret_cast<const char*>(object.data() + items.offset);
    return Ref::steal(PyBytes_FromStringAndSize(text, static_cast<Py_ssize_t>(items.count)));
}

}  // namespace pycds::serve
