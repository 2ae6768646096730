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
constexpr std::size_t small_chunk_size = std::size_t{256} * 1024;
// A huge page pays for itself from here on: clearing 2 MiB at once costs less than 75 faults of 4 KiB and their
// clearing.
constexpr std::size_t worth_a_huge_page = std::size_t{512} * 1024;

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
        for (const Chunk& chunk : chunks_) {
            ::munmap(chunk.mapping, chunk.mapping_size);
        }
    }
}

void Arena::add_chunk(std::size_t at_least, std::size_t expected) {
    const bool huge = expected >= worth_a_huge_page || at_least >= huge_page_size;
    const std::size_t usable =
        huge ? round_up(at_least, huge_page_size) : std::max(round_up(at_least, page_size), small_chunk_size);
    const std::size_t mapping_size = huge ? usable + huge_page_size : usable;
    chunks_.reserve(chunks_.size() + 1);
    void* mapping =
        ::mmap(nullptr, mapping_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) {
        throw std::bad_alloc();
    }
    chunks_.push_back({mapping, mapping_size});
    next_ = huge ? aligned(mapping, huge_page_size) : static_cast<std::byte*>(mapping);
    end_ = next_ + usable;
    if (huge) {
        (void)::madvise(next_, usable, MADV_HUGEPAGE);  // a hint: refused where the kernel has none
    }
}

std::span<std::byte> Arena::reserve(std::size_t size, std::size_t expected) {
    if (static_cast<std::size_t>(end_ - next_) < size || next_ == nullptr) {
        add_chunk(size, expected);
    }
    return {next_, size};
}

void Arena::commit(std::span<std::byte> reserved) noexcept {
    next_ = std::min(aligned(reserved.data() + reserved.size(), object_alignment), end_);
}

}  // namespace pycds::image
