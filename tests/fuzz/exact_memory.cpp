// The reader's memory (src/image/arena.cpp, reservation.cpp), with a heap block for each extent instead of one large
// mapping for all: AddressSanitizer then sees every byte read or written beside one.

#include "image/arena.hpp"
#include "image/format.hpp"
#include "image/reservation.hpp"

#include <cstdlib>
#include <new>

namespace pycds::image {

// What was linked lives as long as the process there; here a run has a great many archives.
Arena::~Arena() {
    for (const Range& range : ranges_) {
        std::free(range.mapping);
    }
}

void Arena::add_range(std::size_t at_least, std::size_t) {
    ranges_.reserve(ranges_.size() + 1);
    void* block = nullptr;
    if (::posix_memalign(&block, object_alignment, at_least) != 0) {
        throw std::bad_alloc();
    }
    auto* const begin = static_cast<std::byte*>(block);
    ranges_.push_back({block, at_least, begin, begin + at_least, begin + at_least});
}

std::span<std::byte> Arena::reserve(std::size_t size, std::size_t expected) {
    add_range(size, expected);
    return {ranges_.back().next, size};
}

void Arena::commit(std::span<std::byte>) noexcept { ranges_.back().next = ranges_.back().end; }

Reservation::Reservation(std::size_t size) : base_(static_cast<std::byte*>(std::calloc(size, 1))), size_(size) {
    if (base_ == nullptr) {
        throw std::bad_alloc();
    }
}

Reservation::~Reservation() { std::free(base_); }

}  // namespace pycds::image
