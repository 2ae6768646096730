#include "linker.hpp"

#include "../cpython/canonical.hpp"
#include "../cpython/runtime.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <new>

namespace pycds::serve {

namespace {

using image::Extent;
using image::Reference;
using image::ReferenceKind;
using image::Section;

class Stopwatch {
  public:
    explicit Stopwatch(std::uint64_t& total) noexcept : total_(total) {}
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch() {
        const auto elapsed = std::chrono::steady_clock::now() - start_;
        total_ += static_cast<std::uint64_t>(std::chrono::nanoseconds(elapsed).count());
    }

  private:
    std::uint64_t& total_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

Linker::Linker(image::Reader& reader) : reader_(reader) {
    // calloc: the table of a large archive is untouched zero pages until a number is used.
    const std::size_t count = std::max<std::size_t>(reader.header().canonicals, 1);
    canonicals_.reset(static_cast<PyObject**>(std::calloc(count, sizeof(PyObject*))));
    if (!canonicals_) {
        throw std::bad_alloc();
    }
    blocks_loaded_.assign(reader.section(Section::blocks).items, false);
    for (std::size_t i = 0; i < types_.size(); ++i) {
        types_[i] = reinterpret_cast<PyObject*>(cpython::runtime_type(static_cast<image::RuntimeType>(i)));
    }
}

PyObject* Linker::link(const image::EntryRecord& record) {
    const Stopwatch stopwatch(counters_.nanoseconds);
    if (failed_) {
        reader_.damaged("an earlier module could not be linked");
    }
    // The collector could run finalizers, and they could import: not while references are half resolved.
    const cpython::CollectorPause pause;
    const Extent segment = reader_.load_segment(record);
    reader_.memory().keep();
    failed_ = true;
    PyObject* code = link_loaded(segment, record);
    failed_ = false;
    return code;
}

PyObject* Linker::link_loaded(const Extent& segment, const image::EntryRecord& record) {
    relocate(segment);
    for (const std::uint32_t offset : segment.code_offsets) {
        if (offset >= segment.objects.size()) {
            reader_.damaged("the place of a code object");
        }
        cpython::initialise_code(reinterpret_cast<PyObject*>(segment.objects.data() + offset));
    }
    counters_.bytes += segment.objects.size_bytes() + segment.bitmap.size_bytes() + segment.code_offsets.size_bytes();
    counters_.relocations += record.relocations;
    counters_.code_objects += segment.code_offsets.size();
    auto* root = reinterpret_cast<PyObject*>(segment.objects.data() + record.root);
    if (!PyCode_Check(root)) {
        reader_.damaged("a module's code object");
    }
    return Py_NewRef(root);
}

void Linker::relocate(const Extent& extent) {
    auto* words = reinterpret_cast<std::uint64_t*>(extent.objects.data());
    const std::size_t count = extent.objects.size() / sizeof(std::uint64_t);
    for (std::size_t i = 0; i < extent.bitmap.size(); ++i) {
        for (std::uint64_t bits = extent.bitmap[i]; bits != 0; bits &= bits - 1) {
            const std::size_t index = i * 64 + static_cast<std::size_t>(std::countr_zero(bits));
            if (index >= count) {
                reader_.damaged("a relocation");
            }
            words[index] = std::bit_cast<std::uint64_t>(resolve(Reference(words[index]), extent));
        }
    }
}

PyObject* Linker::resolve(Reference reference, const Extent& extent) {
    switch (reference.kind()) {
    case ReferenceKind::segment:
        if (reference.offset() < extent.objects.size()) {
            return reinterpret_cast<PyObject*>(extent.objects.data() + reference.offset());
        }
        break;
    case ReferenceKind::runtime:
        return runtime_object(reference);
    case ReferenceKind::constant:
        return constant(reference.offset());
    case ReferenceKind::string:
    case ReferenceKind::frozenset:
        return canonical(reference);
    case ReferenceKind::null:
        break;
    }
    reader_.damaged("a reference");
}

PyObject* Linker::runtime_object(Reference reference) {
    if (reference.runtime_kind() == static_cast<std::uint8_t>(image::RuntimeKind::type)) {
        const auto type = static_cast<std::uint32_t>(reference.runtime_value());
        if (type < types_.size()) {
            return types_[type];
        }
    } else if (PyObject* object = cpython::resolve_runtime(reference)) {
        return object;
    }
    reader_.damaged("a reference to the runtime");
}

PyObject* Linker::constant(std::uint64_t offset) {
    return reinterpret_cast<PyObject*>(pool_object(Section::constants, offset, sizeof(PyObject)));
}

PyObject* Linker::canonical(Reference reference) {
    const std::uint32_t number = reference.number();
    if (number >= reader_.header().canonicals) {
        reader_.damaged("the number of a string");
    }
    if (canonicals_[number] == nullptr) {
        canonicals_[number] = reference.kind() == ReferenceKind::string ? make_string(reference.canonical_offset())
                                                                        : make_frozenset(reference.canonical_offset());
    }
    return canonicals_[number];
}

PyObject* Linker::make_string(std::uint64_t offset) {
    auto* string = reinterpret_cast<PyObject*>(pool_object(Section::strings, offset, sizeof(PyASCIIObject)));
    if (!PyUnicode_CheckExact(string)) {
        reader_.damaged("a string");
    }
    PyObject* canonical = cpython::canonical_string(string);
    ++(canonical == string ? counters_.interned : counters_.reused);
    return canonical;
}

PyObject* Linker::make_frozenset(std::uint64_t offset) {
    image::FrozensetRecord record{};
    std::memcpy(&record, pool_object(Section::strings, offset, sizeof(record)), sizeof(record));
    const std::uint64_t limit = reader_.section(Section::strings).size / sizeof(Reference);
    if (record.count > limit) {
        reader_.damaged("the size of a frozenset");
    }
    const auto* items = reinterpret_cast<const std::uint64_t*>(
        pool_object(Section::strings, offset, sizeof(record) + record.count * sizeof(Reference)) + sizeof(record));
    const cpython::Ref tuple = cpython::Ref::steal(PyTuple_New(static_cast<Py_ssize_t>(record.count)));
    for (std::uint64_t i = 0; i < record.count; ++i) {
        const Reference reference(items[i]);
        if (reference.kind() == ReferenceKind::segment) {
            reader_.damaged("an item of a frozenset");
        }
        PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), Py_NewRef(resolve(reference, Extent{})));
    }
    return cpython::Ref::steal(PyFrozenSet_New(tuple.get())).release();
}

std::byte* Linker::pool_object(Section section, std::uint64_t offset, std::size_t size) {
    const std::size_t index = block_at(section, offset);
    const image::BlockRecord block = reader_.blocks()[index];
    if (offset - block.offset + size > block.objects_size) {
        reader_.damaged("an object beyond its block");
    }
    if (!blocks_loaded_[index]) {
        const Extent extent = reader_.load_block(section, block);
        counters_.bytes += extent.objects.size_bytes() + extent.bitmap.size_bytes();
        // Loaded before relocated: a block may refer to one that refers back to it, and addresses are known already.
        blocks_loaded_[index] = true;
        relocate(extent);
    }
    return reader_.memory().base() + reader_.section(section).offset + offset;
}

std::size_t Linker::block_at(Section section, std::uint64_t offset) {
    const auto blocks = reader_.blocks();
    const std::size_t first = section == Section::strings ? 0 : reader_.header().string_blocks;
    const std::size_t last = section == Section::strings ? reader_.header().string_blocks : blocks.size();
    const auto holds = [&](std::size_t i) {
        return blocks[i].offset <= offset && offset - blocks[i].offset < blocks[i].objects_size;
    };
    if (section == Section::constants && last_constant_block_ >= first && last_constant_block_ < last &&
        holds(last_constant_block_)) {
        return last_constant_block_;
    }
    const auto range = blocks.subspan(first, last - first);
    const auto behind = std::upper_bound(range.begin(), range.end(), offset,
                                         [](std::uint64_t at, const image::BlockRecord& block) { return at < block.offset; });
    const std::size_t index = first + static_cast<std::size_t>(behind - range.begin()) - 1;
    if (behind == range.begin() || !holds(index)) {
        reader_.damaged("a reference beyond its section");
    }
    if (section == Section::constants) {
        last_constant_block_ = index;
    }
    return index;
}

}  // namespace pycds::serve
