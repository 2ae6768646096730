#include "arena.hpp"

#include "format.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <sys/mman.h>

namespace pycds::image {

namespace {

constexpr std::size_t page_size = 4096;
constexpr std::size_t huge_page_size = std::size_t{2} << 20;
// Small pages take memory when they are touched: steps spare system calls alone.
constexpr std::size_t small_step = std::size_t{256} * 1024;
// A huge page pays for itself from 512 KiB on: clearing 2 MiB at once costs less than 75 faults of 4 KiB and their
// clearing.  But what lies idle in the last one is taken from every process; so it is begun where it will be nearly
// full, for 384 faults of 1.5 microseconds at most.
constexpr std::size_t worth_a_huge_page = std::size_t{3} << 19;
// Addresses cost nothing but limits that somebody has set on them (RLIMIT_AS).
constexpr std::size_t largest_range = std::size_t{64} << 20;

constexpr std::size_t round_up(std::size_t size, std::size_t alignment) noexcept {
    return (size + alignment - 1) / alignment * alignment;
}

std::byte* aligned(void* address, std::size_t alignment) noexcept {
    const auto value = reinterpret_cast<std::uintptr_t>(address);
    return static_cast<std::byte*>(address) + (round_up(value, alignment) - value);
}

}  // namespace

Arena::~Arena() {
    if (!kept_) {
        for (const Range& range : ranges_) {
            ::munmap(range.mapping, range.mapping_size);
        }
    }
}

void Arena::add_range(std::size_t at_least, std::size_t expected) {
    const std::size_t wanted = std::max(at_least, std::min(expected, largest_range));
    if (wanted > SIZE_MAX / 2) {
        throw std::bad_alloc();
    }
    ranges_.reserve(ranges_.size() + 1);
    // One huge page for the alignment, one for the end of the last step.
    for (std::size_t size : {round_up(wanted, huge_page_size) + 2 * huge_page_size,
                             round_up(at_least, huge_page_size) + 2 * huge_page_size}) {
        // PROT_NONE: it does not count as memory that was promised (mmap_region and accountable_mapping in mm/mmap.c).
        void* mapping = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapping != MAP_FAILED) {
            std::byte* begin = aligned(mapping, huge_page_size);
            ranges_.push_back({mapping, size, begin, begin, static_cast<std::byte*>(mapping) + size});
            return;
        }
    }
    throw std::bad_alloc();
}

// Makes memory of the addresses that follow, enough for `size` bytes.
void Arena::extend(std::size_t size, std::size_t expected) {
    Range& range = ranges_.back();
    const bool huge = std::max(size, expected) >= worth_a_huge_page;
    const auto needed = size - static_cast<std::size_t>(range.usable_end - range.next);
    const auto before = reinterpret_cast<std::uintptr_t>(range.usable_end);
    const std::size_t step = huge ? round_up(before + needed, huge_page_size) - before : round_up(needed, small_step);
    if (::mprotect(range.usable_end, step, PROT_READ | PROT_WRITE) != 0) {
        throw std::bad_alloc();
    }
    if (huge) {
        (void)::madvise(range.usable_end, step, MADV_HUGEPAGE);  // a hint: refused where the kernel has none
    }
    range.usable_end += step;
}

std::span<std::byte> Arena::reserve(std::size_t size, std::size_t expected) {
    // What a step adds beyond the size is less than the huge page that every range has in reserve.
    if (ranges_.empty() || static_cast<std::size_t>(ranges_.back().end - ranges_.back().next) < size + huge_page_size) {
        add_range(size, expected);
    }
    const Range& range = ranges_.back();
    if (static_cast<std::size_t>(range.usable_end - range.next) < size) {
        extend(size, expected);
    }
    return {range.next, size};
}

void Arena::commit(std::span<std::byte> reserved) noexcept {
    ranges_.back().next = aligned(reserved.data() + reserved.size(), object_alignment);
}

}  // namespace pycds::image
