#include "reservation.hpp"

#include <new>
#include <sys/mman.h>

namespace pycds::image {

Reservation::Reservation(std::size_t size) : size_(size) {
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::bad_alloc();
    }
    base_ = static_cast<std::byte*>(memory);
}

Reservation::~Reservation() { ::munmap(base_, size_); }

}  // namespace pycds::image
