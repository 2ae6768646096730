#include "linker.hpp"

#include "../cpython/canonical.hpp"
#include "../cpython/objects.hpp"
#include "../cpython/runtime.hpp"
#include "../observe/phase_clock.hpp"

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

class Busy {
  public:
    explicit Busy(bool& flag) noexcept : flag_(flag) { flag_ = true; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() { flag_ = false; }

  private:
    bool& flag_;
};

}  // namespace

Linker::Linker(image::Reader& reader) : reader_(reader) {
    canonicals_ = zeroed_table(reader.header().canonicals);
    runtime_objects_ = zeroed_table(image::runtime_table_size);
    const Table canonicals{canonicals_.get(), reader.header().canonicals};
    tables_[static_cast<std::size_t>(ReferenceKind::string)] = canonicals;
    tables_[static_cast<std::size_t>(ReferenceKind::frozenset)] = canonicals;
    tables_[static_cast<std::size_t>(ReferenceKind::runtime)] = {runtime_objects_.get(), image::runtime_table_size};
    block_objects_.assign(reader.section(Section::blocks).items, nullptr);
}

// calloc: the table of a large archive is untouched zero pages until a number is used.
Linker::Objects Linker::zeroed_table(std::size_t size) {
    Objects table(static_cast<PyObject**>(std::calloc(std::max<std::size_t>(size, 1), sizeof(PyObject*))));
    if (!table) {
        throw std::bad_alloc();
    }
    return table;
}

PyObject* Linker::link(const image::EntryRecord& record) {
    const Stopwatch stopwatch(counters_.nanoseconds);
    if (failed_) {
        reader_.damaged("an earlier module could not be linked");
    }
    const Busy busy(busy_);
    open_pools();
    const Extent segment = load(record);
    reader_.keep_extents();
    failed_ = true;
    PyObject* code = link_loaded(segment, record);
    failed_ = false;
    return code;
}

bool Linker::holds_code(const Extent& segment, std::size_t offset) noexcept {
    return offset < segment.objects.size() && segment.objects.size() - offset >= cpython::code_header_size();
}

Extent Linker::load(const image::EntryRecord& record) {
    const Stopwatch stopwatch(counters_.read_nanoseconds);
    const observe::PhaseScope scope(observe::Phase::read);
    return reader_.load_segment(record);
}

PyObject* Linker::link_loaded(const Extent& segment, const image::EntryRecord& record) {
    relocate(segment);
    for (const std::uint32_t offset : segment.code_offsets) {
        if (offset >= segment.objects.size()) {
            break;  // and those behind it: they are needed once
        }
        if (offset % image::object_alignment != 0 || !holds_code(segment, offset)) {
            reader_.damaged("the place of a code object");
        }
        cpython::initialise_code(reinterpret_cast<PyObject*>(segment.objects.data() + offset));
    }
    counters_.bytes += segment.objects.size_bytes() + segment.bitmap.size_bytes() + segment.code_offsets.size_bytes();
    counters_.relocations += record.relocations;
    counters_.code_objects += segment.code_offsets.size();
    if (record.root < segment.objects.size() && !holds_code(segment, record.root)) {
        reader_.damaged("the place of a module's code object");
    }
    cpython::Ref root = value_of(Reference::to_segment(record.root), segment);
    relocate_pending();
    if (!PyCode_Check(root.get())) {
        reader_.damaged("a module's code object");
    }
    return root.release();
}

void Linker::relocate(const Extent& extent) {
    auto* words = reinterpret_cast<std::uint64_t*>(extent.objects.data());
    const std::size_t count = extent.objects.size() / sizeof(std::uint64_t);
    for (std::size_t i = 0; i < extent.bitmap.size(); ++i) {
        for (std::uint64_t bits = extent.bitmap[i]; bits != 0; bits &= bits - 1) {
            const std::size_t index = i * 64 + static_cast<std::size_t>(std::countr_zero(bits));
            if (index >= count) {
                if (extent.bodies.empty()) {
                    reader_.damaged("a relocation");
                }
                return;  // the rest is that of what is needed once
            }
            words[index] = std::bit_cast<std::uint64_t>(resolve(Reference(words[index]), extent));
        }
    }
}

// The hot path: an offset to add, or an object that a table knows already.
PyObject* Linker::resolve(Reference reference, const Extent& extent) {
    if (reference.kind() == ReferenceKind::segment && reference.offset() < extent.objects.size()) {
        return reinterpret_cast<PyObject*>(extent.objects.data() + reference.offset());
    }
    const Table& table = tables_[static_cast<std::size_t>(reference.kind())];
    if (reference.number() < table.size) {
        if (PyObject* object = table.objects[reference.number()]) {
            return object;
        }
    }
    return resolve_new(reference);
}

PyObject* Linker::resolve_new(Reference reference) {
    if (reference.kind() == ReferenceKind::constant) {
        return constant(reference.offset());
    }
    const Table& table = tables_[static_cast<std::size_t>(reference.kind())];
    if (reference.number() >= table.size) {
        reader_.damaged("a reference");
    }
    // The table owns the object from here on, for good.
    PyObject* object = make(reference);
    table.objects[reference.number()] = object;
    return object;
}

PyObject* Linker::make(Reference reference) {
    switch (reference.kind()) {
    case ReferenceKind::string:
        return make_string(reference.canonical_offset());
    case ReferenceKind::frozenset:
        return make_frozenset(reference);
    default:
        break;
    }
    PyObject* object = cpython::resolve_runtime(reference);
    if (object == nullptr) {
        reader_.damaged("a reference to the runtime");
    }
    return object;
}

PyObject* Linker::constant(std::uint64_t offset) {
    if (offset % image::object_alignment != 0) {
        reader_.damaged("the place of a constant");
    }
    return reinterpret_cast<PyObject*>(pool_object(Section::constants, offset, sizeof(PyObject)));
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

PyObject* Linker::make_frozenset(Reference reference) {
    // A frozenset holds only what comes before it; a file that says otherwise must not lead on without end.
    if (frozenset_depth_ == most_frozensets_at_once) {
        reader_.damaged("the nesting of frozensets");
    }
    ++frozenset_depth_;
    const cpython::Ref items = frozenset_items(reference.canonical_offset());
    relocate_pending();  // the items are about to be hashed
    --frozenset_depth_;  // after a failure the linker does nothing more
    // A block that holds an item may also hold what refers to this frozenset, and has then made it.
    PyObject* made = tables_[static_cast<std::size_t>(ReferenceKind::frozenset)].objects[reference.number()];
    return made != nullptr ? made : cpython::make_frozenset(items.get()).release();
}

cpython::Ref Linker::frozenset_items(std::uint64_t offset) {
    image::FrozensetRecord record{};
    std::memcpy(&record, pool_object(Section::strings, offset, sizeof(record)), sizeof(record));
    const std::uint64_t limit = reader_.section(Section::strings).size / sizeof(Reference);
    if (record.count > limit) {
        reader_.damaged("the size of a frozenset");
    }
    const auto* items = reinterpret_cast<const std::uint64_t*>(
        pool_object(Section::strings, offset, sizeof(record) + record.count * sizeof(Reference)) + sizeof(record));
    cpython::Ref tuple = cpython::Ref::steal(PyTuple_New(static_cast<Py_ssize_t>(record.count)));
    if (record.count != 0) {
        // Its items may have no type yet, and making a frozenset among them may start a collection.
        PyObject_GC_UnTrack(tuple.get());
    }
    for (std::uint64_t i = 0; i < record.count; ++i) {
        const Reference reference(items[i]);
        if (reference.kind() == ReferenceKind::segment) {
            reader_.damaged("an item of a frozenset");
        }
        PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), Py_NewRef(resolve(reference, Extent{})));
    }
    return tuple;
}

std::byte* Linker::pool_object(Section section, std::uint64_t offset, std::size_t size) {
    Pool& pool = section == Section::strings ? strings_ : constants_;
    if (!holds(pool.last, offset)) {
        pool.last = block_at(pool, offset);
    }
    const std::size_t index = pool.last;  // loading a block may lead to others
    const image::BlockRecord& block = blocks_[index];
    if (offset - block.offset + size > block.objects_size) {
        reader_.damaged("an object beyond its block");
    }
    if (block_objects_[index] == nullptr) {
        load_block(section, index);
    }
    return block_objects_[index] + (offset - block.offset);
}

Extent Linker::read_block(Section section, std::size_t index) {
    const observe::PhaseScope scope(observe::Phase::read);
    return reader_.load_block(section, blocks_[index]);
}

void Linker::load_block(Section section, std::size_t index) {
    const Extent extent = read_block(section, index);
    counters_.bytes += extent.objects.size_bytes() + extent.bitmap.size_bytes();
    block_objects_[index] = extent.objects.data();
    if (section == Section::strings) {
        relocate(extent);  // types alone
    } else {
        // Addresses are known, and that is all that is wanted of it now. To relocate it here would nest as deep as the
        // blocks refer to one another.
        pending_.push_back(extent);
    }
}

void Linker::relocate_pending() {
    while (!pending_.empty()) {
        const Extent extent = pending_.back();
        pending_.pop_back();
        relocate(extent);
    }
}

inline bool Linker::holds(std::size_t index, std::uint64_t offset) const noexcept {
    return index < blocks_.size() && blocks_[index].offset <= offset &&
           offset - blocks_[index].offset < blocks_[index].objects_size;
}

std::size_t Linker::block_at(const Pool& pool, std::uint64_t offset) {
    const auto range = blocks_.subspan(pool.first, pool.end - pool.first);
    const auto behind =
        std::upper_bound(range.begin(), range.end(), offset,
                         [](std::uint64_t at, const image::BlockRecord& block) { return at < block.offset; });
    const std::size_t index = pool.first + static_cast<std::size_t>(behind - range.begin()) - 1;
    if (behind == range.begin() || !holds(index, offset)) {
        reader_.damaged("a reference beyond its section");
    }
    return index;
}

void Linker::open_pools() {
    if (blocks_.data() == nullptr) {
        blocks_ = reader_.blocks();
        strings_ = {0, reader_.header().string_blocks, blocks_.size()};
        constants_ = {reader_.header().string_blocks, blocks_.size(), blocks_.size()};
    }
}

}  // namespace pycds::serve
