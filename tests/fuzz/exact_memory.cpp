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
    for (const Chunk& chunk : chunks_) {
        std::free(chunk.mapping);
    }
}

void Arena::add_chunk(std::size_t at_least, std::size_t) {
    chunks_.reserve(chunks_.size() + 1);
    void* block = nullptr;
    if (::posix_memalign(&block, object_alignment, at_least) != 0) {
        throw std::bad_alloc();
    }
    chunks_.push_back({block, at_least});
    next_ = static_cast<std::byte*>(block);
    end_ = next_ + at_least;
}

std::span<std::byte> Arena::reserve(std::size_t size, std::size_t expected) {
    add_chunk(size, expected);
    return {next_, size};
}

void Arena::commit(std::span<std::byte>) noexcept { next_ = end_; }

Reservation::Reservation(std::size_t size) : base_(static_cast<std::byte*>(std::calloc(size, 1))), size_(size) {
    if (base_ == nullptr) {
        throw std::bad_alloc();
    }
}

Reservation::~Reservation() { std::free(base_); }

}  // namespace pycds::image
