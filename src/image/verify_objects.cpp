#include "verify_objects.hpp"

#include "checksum.hpp"
#include "hexadecimal.hpp"
#include "slots.hpp"

#include <algorithm>

namespace pycds::image {

namespace {

constexpr std::uint64_t round_up(std::uint64_t offset) noexcept {
    return (offset + object_alignment - 1) / object_alignment * object_alignment;
}

constexpr std::uint8_t start_of(RuntimeType type) noexcept { return static_cast<std::uint8_t>(type) + 1; }

std::size_t start_index(std::uint64_t offset) noexcept { return static_cast<std::size_t>(offset / object_alignment); }

template <typename Starts>
bool begins_at(const Starts& starts, std::uint64_t offset) noexcept {
    return offset % object_alignment == 0 && start_index(offset) < starts.size() && starts[start_index(offset)] != 0;
}

}  // namespace

ObjectVerifier::ObjectVerifier(const Header& header, std::span<const std::byte> strings,
                               std::span<const std::byte> constants, ProblemList& problems)
    : header_(header), problems_(problems),
      strings_{Section::strings, strings, Starts(strings.size() / object_alignment + 1), {}, {}},
      constants_{Section::constants, constants, Starts(constants.size() / object_alignment + 1), {}, {}},
      canonicals_(header.canonicals), frozenset_items_(header.canonicals) {}

std::span<const std::byte> ObjectVerifier::objects_of(const Pool& pool, const BlockRecord& block) noexcept {
    return pool.bytes.subspan(block.offset, block.objects_size);
}

std::span<const std::byte> ObjectVerifier::bitmap_of(const Pool& pool, const BlockRecord& block) noexcept {
    return pool.bytes.subspan(block.offset + block.objects_size, block.bitmap_words * sizeof(std::uint64_t));
}

template <typename... Numbers>
void ObjectVerifier::report(const Site& site, const char* what, Numbers... numbers) {
    problems_.add(site.where, ("slot {x} " + std::string(what)).c_str(), site.slot, numbers...);
}

// --- blocks -------------------------------------------------------------------------------------------

bool ObjectVerifier::place_block(const std::string& where, const BlockRecord& block, Pool& pool) {
    const std::uint64_t size = std::uint64_t{block.objects_size} + std::uint64_t{block.bitmap_words} * 8;
    if (block.objects_size % object_alignment != 0 || block.offset > pool.bytes.size() ||
        size > pool.bytes.size() - block.offset) {
        problems_.add(where, "lies beyond its section");
        return false;
    }
    if (block.bitmap_words != bitmap_words_for(block.objects_size)) {
        problems_.add(where, "size of the relocation bitmap");
        return false;
    }
    if (block.offset < pool.end) {
        problems_.add(where, "overlaps the block before it");
        return false;
    }
    if (block.offset != round_up(pool.end)) {
        problems_.add(where, "begins at {x} instead of {x}", block.offset, round_up(pool.end));
        if (block.offset % object_alignment != 0) {
            return false;
        }
    }
    pool.end = block.offset + size;
    pool.blocks.push_back(block);
    return true;
}

void ObjectVerifier::check_blocks(std::span<const std::byte> records) {
    std::uint32_t constants = 0;
    for (std::uint32_t i = 0; i < records.size() / sizeof(BlockRecord); ++i) {
        const auto block = load<BlockRecord>(records, i * sizeof(BlockRecord));
        const bool of_strings = i < header_.string_blocks;
        Pool& pool = of_strings ? strings_ : constants_;
        const std::string where = "block " + std::to_string(i);
        if (!place_block(where, block, pool)) {
            continue;
        }
        if (checksum(pool.bytes.subspan(block.offset, pool.end - block.offset)) != block.checksum) {
            problems_.add(where, "checksum");
        }
        check_extent(where, objects_of(pool, block), bitmap_of(pool, block));
        constants += mark_starts(objects_of(pool, block), bitmap_of(pool, block), block.offset, pool.starts) *
                     (of_strings ? 0 : 1);
        pool.numbers.push_back(i);
    }
    for (const Pool* pool : {&strings_, &constants_}) {
        if (pool->end != pool->bytes.size()) {
            problems_.add(pool == &strings_ ? "section strings" : "section constants", "bytes behind the last block");
        }
    }
    if (constants != header_.shared_constants) {
        problems_.add("header", "counts {} shared constants, the blocks hold {}", header_.shared_constants, constants);
    }
    // Where objects begin is known from here on.
    for (std::size_t i = 0; i < strings_.blocks.size(); ++i) {
        check_string_slots("block " + std::to_string(strings_.numbers[i]), strings_.blocks[i]);
    }
    for (std::size_t i = 0; i < constants_.blocks.size(); ++i) {
        check_constant_slots("block " + std::to_string(constants_.numbers[i]), constants_.blocks[i]);
    }
}

void ObjectVerifier::check_extent(const std::string& where, std::span<const std::byte> objects,
                                  std::span<const std::byte> bitmap) {
    // Only the last word can reach beyond the objects.
    const std::size_t words = objects.size() / sizeof(std::uint64_t);
    if (words % 64 != 0 && load<std::uint64_t>(bitmap, bitmap.size() - sizeof(std::uint64_t)) >> (words % 64) != 0) {
        problems_.add(where, "relocation beyond the objects");
    }
}

std::uint32_t ObjectVerifier::mark_starts(std::span<const std::byte> objects, std::span<const std::byte> bitmap,
                                          std::uint64_t base, Starts& starts) {
    std::uint32_t count = 0;
    for_each_slot(objects, bitmap, [&](std::size_t slot, Reference reference) {
        if (const auto type = type_at_slot(slot, reference)) {
            starts[start_index(base + slot)] = start_of(*type);
            ++count;
        }
    });
    return count;
}

void ObjectVerifier::check_string_slots(const std::string& where, const BlockRecord& block) {
    for_each_slot(objects_of(strings_, block), bitmap_of(strings_, block), [&](std::size_t slot, Reference reference) {
        if (type_at_slot(slot, reference) != RuntimeType::string) {
            report({where, slot, nullptr, 0}, "is not the type of a string");
        }
    });
}

void ObjectVerifier::check_constant_slots(const std::string& where, const BlockRecord& block) {
    std::uint64_t own_start = 0;
    bool within_object = false;
    const auto objects = objects_of(constants_, block);
    for_each_slot(objects, bitmap_of(constants_, block), [&](std::size_t slot, Reference reference) {
        if (const auto type = type_at_slot(slot, reference)) {
            own_start = block.offset + slot - object_type_slot;
            within_object = true;
            if (type == RuntimeType::code) {
                report({where, slot, nullptr, 0}, "makes a code object a shared constant");
            }
        } else if (!within_object) {
            report({where, slot, nullptr, 0}, "belongs to no object");
        } else {
            check_reference({where, slot, nullptr, own_start}, reference);
            if (reference.kind() == ReferenceKind::frozenset && reference.number() < canonicals_.size()) {
                frozenset_uses_.push_back({own_start, reference.number()});
            }
        }
    });
}

// --- segments -----------------------------------------------------------------------------------------

void ObjectVerifier::check_segment(const std::string& where, const EntryRecord& record,
                                   std::span<const std::byte> segment) {
    if (checksum(segment) != record.segment_checksum) {
        problems_.add(where, "checksum of the segment");
    }
    if (record.objects_size == 0) {  // an entry without code
        return;
    }
    const auto objects = segment.first(record.objects_size);
    const auto bitmap = segment.subspan(record.objects_size, std::size_t{record.bitmap_words} * sizeof(std::uint64_t));
    check_extent(where, objects, bitmap);
    segment_starts_.assign(record.objects_size / object_alignment, 0);
    (void)mark_starts(objects, bitmap, 0, segment_starts_);
    std::uint32_t relocations = 0;
    bool within_object = false;
    for_each_slot(objects, bitmap, [&](std::size_t slot, Reference reference) {
        ++relocations;
        const Site site{where, slot, &segment_starts_, constants_.bytes.size()};
        if (type_at_slot(slot, reference)) {
            within_object = true;
        } else if (!within_object) {
            report(site, "belongs to no object");
        } else {
            check_reference(site, reference);
        }
    });
    if (relocations != record.relocations) {
        problems_.add(where, "the entry counts {} relocations, the segment has {}", record.relocations, relocations);
    }
    check_bodies(where, record, objects, bitmap);
    check_code_offsets(where, record, segment.subspan(record.objects_size + bitmap.size()));
}

// What is needed once is freed one after the other: from each of these objects one reference leads to the next.
void ObjectVerifier::check_bodies(const std::string& where, const EntryRecord& record,
                                  std::span<const std::byte> objects, std::span<const std::byte> bitmap) {
    if (record.bodies == record.objects_size) {
        return;
    }
    std::vector<std::uint8_t> uses(segment_starts_.size());
    for_each_slot(objects, bitmap, [&](std::size_t slot, Reference reference) {
        if (reference.kind() != ReferenceKind::segment || reference.offset() < record.bodies ||
            !begins_at(segment_starts_, reference.offset())) {
            return;
        }
        std::uint8_t& use = uses[start_index(reference.offset())];
        if (slot < record.bodies || use != 0) {
            report({where, slot, nullptr, 0}, "refers to {x}, which is needed once", reference.offset());
        }
        use = 1;
    });
    if (!begins_at(segment_starts_, record.bodies) || record.root < record.bodies) {
        problems_.add(where, "what is needed once does not begin at {x}", record.bodies);
    }
    for (std::size_t i = start_index(record.bodies); i < uses.size(); ++i) {
        const std::uint8_t start = segment_starts_[i];
        const bool is_root = i == start_index(record.root);
        const bool may_be = start == start_of(RuntimeType::code) || start == start_of(RuntimeType::tuple) ||
                            start == start_of(RuntimeType::bytes);
        if (start != 0 && (!may_be || (uses[i] == 0) != is_root)) {
            problems_.add(where, "the object at {x} is not needed once", i * object_alignment);
        }
    }
}

void ObjectVerifier::check_code_offsets(const std::string& where, const EntryRecord& record,
                                        std::span<const std::byte> offsets) {
    const auto is_code = [&](std::uint64_t offset) {
        return begins_at(segment_starts_, offset) &&
               segment_starts_[start_index(offset)] == start_of(RuntimeType::code);
    };
    if (!is_code(record.root)) {
        problems_.add(where, "the module's code object is not at {x}", record.root);
    }
    std::uint64_t end = 0;
    for (std::uint32_t i = 0; i < record.code_count; ++i) {
        const auto offset = load<std::uint32_t>(offsets, i * sizeof(std::uint32_t));
        if (offset < end || !is_code(offset)) {
            problems_.add(where, "no further code object at {x}", offset);
            return;
        }
        end = std::uint64_t{offset} + 1;
    }
    const auto codes = std::count(segment_starts_.begin(), segment_starts_.end(), start_of(RuntimeType::code));
    if (codes != static_cast<std::ptrdiff_t>(record.code_count)) {
        problems_.add(where, "lists {} code objects, the segment has {}", record.code_count, codes);
    }
}

// --- references ---------------------------------------------------------------------------------------

void ObjectVerifier::check_reference(const Site& site, Reference reference) {
    switch (reference.kind()) {
    case ReferenceKind::segment:
        if (site.segment == nullptr) {
            report(site, "refers to a segment from outside of one");
        } else if (!begins_at(*site.segment, reference.offset())) {
            report(site, "refers to {x}, where no object begins", reference.offset());
        }
        return;
    case ReferenceKind::constant:
        if (!begins_at(constants_.starts, reference.offset())) {
            report(site, "refers to the constant at {x}, where none begins", reference.offset());
        } else if (reference.offset() >= site.constants_below) {
            report(site, "refers to the constant at {x}, which does not precede it", reference.offset());
        }
        return;
    case ReferenceKind::string:
    case ReferenceKind::frozenset:
        check_canonical(site, reference);
        return;
    case ReferenceKind::runtime:
        check_runtime(site, reference);
        return;
    case ReferenceKind::null:
        break;
    }
    report(site, "holds no reference");
}

void ObjectVerifier::check_runtime(const Site& site, Reference reference) {
    const std::int32_t value = reference.runtime_value();
    const auto is_below = [&](std::int32_t limit) { return value >= 0 && value < limit; };
    bool valid =
        reference.bits() == Reference::to_runtime(static_cast<RuntimeKind>(reference.runtime_kind()), value).bits();
    switch (static_cast<RuntimeKind>(reference.runtime_kind())) {
    case RuntimeKind::type:
        report(site, "refers to a type, but no object begins there");
        return;
    case RuntimeKind::singleton:
        valid = valid && is_below(runtime_singleton_count);
        break;
    case RuntimeKind::small_int:
        break;
    case RuntimeKind::character:
    case RuntimeKind::interned_char:
    case RuntimeKind::byte:
        valid = valid && is_below(256);
        break;
    default:
        valid = false;
    }
    if (!valid) {
        report(site, "refers to nothing that the runtime owns ({x})", reference.bits());
    }
}

void ObjectVerifier::check_canonical(const Site& site, Reference reference) {
    const std::uint32_t number = reference.number();
    if (number >= canonicals_.size()) {
        report(site, "refers to canonical {} of {}", number, canonicals_.size());
        return;
    }
    Reference& known = canonicals_[number];
    if (known != Reference{}) {
        if (known != reference) {
            report(site, "has canonical {} in another place than an earlier slot", number);
        }
        return;
    }
    known = reference;
    if (reference.kind() == ReferenceKind::frozenset) {
        to_be_checked_.push_back(number);
    } else if (!begins_at(strings_.starts, reference.canonical_offset())) {
        report(site, "refers to the string at {x}, where none begins", reference.canonical_offset());
    }
}

void ObjectVerifier::check_frozensets() {
    while (!to_be_checked_.empty()) {
        const std::uint32_t number = to_be_checked_.back();
        to_be_checked_.pop_back();
        check_frozenset(number, canonicals_[number].canonical_offset());
    }
}

void ObjectVerifier::check_frozenset(std::uint32_t number, std::uint64_t offset) {
    const std::string where = "frozenset " + std::to_string(number);
    const auto behind = std::upper_bound(strings_.blocks.begin(), strings_.blocks.end(), offset,
                                         [](std::uint64_t at, const BlockRecord& block) { return at < block.offset; });
    const std::uint64_t end =
        behind == strings_.blocks.begin() ? 0 : std::prev(behind)->offset + std::prev(behind)->objects_size;
    if (offset >= end || end - offset < sizeof(FrozensetRecord)) {
        problems_.add(where, "lies in no block ({x})", offset);
        return;
    }
    const auto record = load<FrozensetRecord>(strings_.bytes, offset);
    if (record.count > (end - offset - sizeof(record)) / sizeof(Reference) || record.reserved != 0) {
        problems_.add(where, "size");
        return;
    }
    const std::uint64_t size = sizeof(record) + record.count * sizeof(Reference);
    frozenset_bytes_ += size;
    const auto first = strings_.starts.begin() + static_cast<std::ptrdiff_t>(start_index(offset));
    const auto last = first + static_cast<std::ptrdiff_t>(start_index(round_up(size)));
    if (frozenset_bytes_ > strings_.bytes.size() || std::any_of(first, last, [](auto start) { return start != 0; })) {
        problems_.add(where, "overlaps other objects");
        return;
    }
    for (std::uint64_t i = 0; i < record.count; ++i) {
        const std::uint64_t slot = sizeof(record) + i * sizeof(Reference);
        const Reference item(load<std::uint64_t>(strings_.bytes, offset + slot));
        const Site site{where, slot, nullptr, constants_.bytes.size()};
        const bool canonical = item.kind() == ReferenceKind::string || item.kind() == ReferenceKind::frozenset;
        if (canonical && item.number() >= number) {
            report(site, "refers to canonical {}, which does not precede it", item.number());
        } else {
            check_reference(site, item);
            frozenset_items_[number].push_back(item);
        }
    }
}

// A constant is linked before those behind it, so what a frozenset within it is built of must not lie there.
void ObjectVerifier::check_frozenset_uses() {
    std::vector<std::uint64_t> reach(canonicals_.size());  // constants that the frozenset needs begin below this
    for (std::size_t number = 0; number < reach.size(); ++number) {
        for (const Reference item : frozenset_items_[number]) {
            if (item.kind() == ReferenceKind::constant) {
                reach[number] = std::max(reach[number], item.offset() + 1);
            } else if (item.kind() == ReferenceKind::frozenset) {
                reach[number] = std::max(reach[number], reach[item.number()]);
            }
        }
    }
    for (const FrozensetUse& use : frozenset_uses_) {
        if (reach[use.number] > use.constant) {
            problems_.add("constant at " + hexadecimal(use.constant),
                          "holds frozenset {}, which holds a constant behind it", use.number);
        }
    }
}

void ObjectVerifier::check_canonicals(bool complete) {
    check_frozensets();
    check_frozenset_uses();
    std::uint64_t next = 0;
    std::uint32_t unused = 0;
    for (std::uint32_t number = 0; number < canonicals_.size(); ++number) {
        const Reference reference = canonicals_[number];
        if (reference == Reference{}) {
            ++unused;
        } else if (reference.canonical_offset() < next) {
            problems_.add("canonical " + std::to_string(number), "does not lie behind the one before it");
        } else {
            next = reference.canonical_offset() + 1;
        }
    }
    if (complete && unused != 0) {
        problems_.add("header", "counts {} canonicals, of which nothing refers to {}", header_.canonicals, unused);
    }
}

}  // namespace pycds::image
