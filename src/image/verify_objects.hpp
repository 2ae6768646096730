#pragma once

// The part of `verify` that looks into blocks and segments.
//
// First all blocks, so that it is known where shared objects begin; then every reference in blocks and segments, and
// with each new canonical what it stands for; in the end whether the canonicals agree among themselves.
//
// Two orders keep links free of cycles and are checked here: a constant refers only to constants that begin before it,
// and a frozenset only to canonicals of lower number.

#include "format.hpp"
#include "problem_list.hpp"
#include "reference.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pycds::image {

class ObjectVerifier {
  public:
    ObjectVerifier(const Header& header, std::span<const std::byte> strings, std::span<const std::byte> constants,
                   ProblemList& problems);

    void check_blocks(std::span<const std::byte> records);
    // `segment` is as large as the record says, which is well formed (fault_of).
    void check_segment(const std::string& where, const EntryRecord& record, std::span<const std::byte> segment);
    // To be called last.  `complete`: every segment was checked, so that what nothing refers to can be told.
    void check_canonicals(bool complete);

  private:
    // By offset / 16: 0, or 1 + RuntimeType of the object that begins there.
    using Starts = std::vector<std::uint8_t>;

    struct Pool {
        Section section;
        std::span<const std::byte> bytes;
        Starts starts;
        std::vector<BlockRecord> blocks;     // those within bounds, ascending
        std::vector<std::uint32_t> numbers;  // of these blocks among all
        std::uint64_t end = 0;               // of the last block
    };

    // A shared constant that refers to a frozenset.
    struct FrozensetUse {
        std::uint64_t constant;
        std::uint32_t number;
    };

    // Where a reference stands and what it may lead to.
    struct Site {
        const std::string& where;
        std::uint64_t slot;
        const Starts* segment;          // null outside of segments
        std::uint64_t constants_below;  // constants must begin before this offset
    };

    [[nodiscard]] bool place_block(const std::string& where, const BlockRecord& block, Pool& pool);
    void check_extent(const std::string& where, std::span<const std::byte> objects, std::span<const std::byte> bitmap);
    [[nodiscard]] std::uint32_t mark_starts(std::span<const std::byte> objects, std::span<const std::byte> bitmap,
                                            std::uint64_t base, Starts& starts);
    void check_string_slots(const std::string& where, const BlockRecord& block);
    void check_constant_slots(const std::string& where, const BlockRecord& block);
    void check_bodies(const std::string& where, const EntryRecord& record, std::span<const std::byte> objects,
                      std::span<const std::byte> bitmap);
    void check_code_offsets(const std::string& where, const EntryRecord& record, std::span<const std::byte> segment);
    void check_reference(const Site& site, Reference reference);
    void check_runtime(const Site& site, Reference reference);
    void check_canonical(const Site& site, Reference reference);
    void check_frozensets();
    void check_frozenset(std::uint32_t number, std::uint64_t offset);
    void check_frozenset_uses();
    template <typename... Numbers>
    void report(const Site& site, const char* what, Numbers... numbers);

    [[nodiscard]] static std::span<const std::byte> objects_of(const Pool& pool, const BlockRecord& block) noexcept;
    [[nodiscard]] static std::span<const std::byte> bitmap_of(const Pool& pool, const BlockRecord& block) noexcept;

    const Header& header_;
    ProblemList& problems_;
    Pool strings_;
    Pool constants_;
    std::vector<Reference> canonicals_;         // by number; null until referred to
    std::vector<std::uint32_t> to_be_checked_;  // numbers of frozensets
    std::uint64_t frozenset_bytes_ = 0;
    std::vector<std::vector<Reference>> frozenset_items_;  // by number; of those in order
    std::vector<FrozensetUse> frozenset_uses_;
    Starts segment_starts_;
};

}  // namespace pycds::image
