#pragma once

// link: from a module's segment, read and verified, to live objects.
//
// One pass over the segment's relocation bitmap replaces each reference by an address.  Strings are canonicalised one
// by one as they are first referred to; shared constants lie in blocks that are read, verified and relocated when the
// first of their objects is referred to.  Nothing of this is ever freed.  What is needed once, the code of the module's
// body and of its classes, becomes objects of the runtime's allocator instead (bodies.cpp).
//
// Invariant: once link() has returned a code object, everything reachable from it is complete.  A failure half-way may
// leave a block whose references were not all resolved, so after one the linker refuses all further work.

#include "../cpython/python.hpp"
#include "../image/reader.hpp"
#include "../image/reference.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace pycds::serve {

struct LinkCounters {
    std::uint64_t nanoseconds = 0;       // altogether
    std::uint64_t read_nanoseconds = 0;  // of these, reading and verifying segments
    std::uint64_t bytes = 0;             // read and verified: segments and blocks
    std::uint64_t relocations = 0;       // in segments
    std::uint64_t code_objects = 0;
    std::uint64_t interned = 0;  // strings of the image that became canonical
    std::uint64_t reused = 0;    // strings that the process already had
};

class Linker {
  public:
    explicit Linker(image::Reader& reader);

    // The module's code object, a new reference.  To be called once per entry, and not while
    // is_busy().  Throws image::Error (damaged, truncated, unreadable), cpython::PythonError, std::bad_alloc.
    [[nodiscard]] PyObject* link(const image::EntryRecord& record);

    // Making a frozenset may run the collector, and with it finalizers: these may import, and let other threads do so.
    // What is half linked must not be touched then.
    [[nodiscard]] bool is_busy() const noexcept { return busy_; }

    [[nodiscard]] const LinkCounters& counters() const noexcept { return counters_; }

  private:
    struct Free {
        void operator()(PyObject** table) const noexcept { std::free(table); }
    };

    using Objects = std::unique_ptr<PyObject*[], Free>;
    struct Table {
        PyObject** objects = nullptr;
        std::size_t size = 0;
    };

    // Making one may lead to others: its items, and those of the blocks that its items lie in.
    static constexpr std::size_t most_frozensets_at_once = 1000;

    // Which of the blocks belong to a section, and the one that the last reference led to: the next seldom leads
    // elsewhere.
    struct Pool {
        std::size_t first = 0;
        std::size_t end = 0;
        std::size_t last = 0;
    };

    [[nodiscard]] static Objects zeroed_table(std::size_t size);
    [[nodiscard]] image::Extent load(const image::EntryRecord& record);
    [[nodiscard]] PyObject* link_loaded(const image::Extent& segment, const image::EntryRecord& record);
    void relocate(const image::Extent& extent);
    [[nodiscard]] PyObject* resolve(image::Reference reference, const image::Extent& extent);
    [[nodiscard]] PyObject* resolve_new(image::Reference reference);
    [[nodiscard]] static bool is_needed_once(image::Reference reference, const image::Extent& segment) noexcept;
    [[nodiscard]] cpython::Ref value_of(image::Reference reference, const image::Extent& segment);
    [[nodiscard]] cpython::Ref make_body(image::Reference reference, const image::Extent& segment);
    [[nodiscard]] cpython::Ref make_body_code(std::span<const std::byte> object, const image::Extent& segment);
    [[nodiscard]] cpython::Ref make_body_tuple(std::span<const std::byte> object, const image::Extent& segment);
    [[nodiscard]] cpython::Ref make_body_bytes(std::span<const std::byte> object);
    [[nodiscard]] PyObject* make(image::Reference reference);
    [[nodiscard]] PyObject* constant(std::uint64_t offset);
    [[nodiscard]] PyObject* make_string(std::uint64_t offset);
    [[nodiscard]] PyObject* make_frozenset(image::Reference reference);
    [[nodiscard]] cpython::Ref frozenset_items(std::uint64_t offset);
    // The address of `size` bytes at an offset within a pool section, their block loaded and relocated.
    [[nodiscard]] std::byte* pool_object(image::Section section, std::uint64_t offset, std::size_t size);
    void open_pools();
    [[nodiscard]] image::Extent read_block(image::Section section, std::size_t index);
    void load_block(image::Section section, std::size_t index);
    void relocate_pending();
    [[nodiscard]] static bool holds_code(const image::Extent& segment, std::size_t offset) noexcept;
    [[nodiscard]] bool holds(std::size_t index, std::uint64_t offset) const noexcept;
    [[nodiscard]] std::size_t block_at(const Pool& pool, std::uint64_t offset);

    image::Reader& reader_;
    // By number; null until first referred to.
    Objects canonicals_;
    Objects runtime_objects_;
    std::array<Table, 8> tables_{};               // by ReferenceKind; empty for those that have none
    std::span<const image::BlockRecord> blocks_;  // empty until the first module is linked
    std::vector<std::byte*> block_objects_;       // by block; null until loaded
    Pool strings_;
    Pool constants_;
    std::vector<image::Extent> pending_;  // loaded blocks of constants, not yet relocated
    std::size_t frozenset_depth_ = 0;
    unsigned body_depth_ = 0;
    bool failed_ = false;
    bool busy_ = false;
    LinkCounters counters_;
};

}  // namespace pycds::serve
