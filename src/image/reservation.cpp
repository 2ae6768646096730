#include "reservation.hpp"

#include <new>
#include <sys/mman.h>

namespace pycds::image {

namespace {

constexpr std::size_t huge_page_size = std::size_t{2} << 20;

}  // namespace

Reservation::Reservation(std::size_t size) : size_(size) {
    // Room to begin on a boundary of huge pages: the kernel then clears and maps 2 MiB in one fault instead of 512.
    // Parts are filled in order of first use, so a huge page is seldom left half empty.
    const bool huge = size >= huge_page_size / 2;
    mapped_size_ = huge ? size + huge_page_size : size;
    mapped_ = ::mmap(nullptr, mapped_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped_ == MAP_FAILED) {
        throw std::bad_alloc();
    }
    base_ = static_cast<std::byte*>(mapped_);
    if (huge) {
        const auto address = reinterpret_cast<std::uintptr_t>(mapped_);
        base_ += (huge_page_size - address % huge_page_size) % huge_page_size;
        (void)::madvise(base_, size, MADV_HUGEPAGE);  // a hint: refused where the kernel has none
    }
}

Reservation::~Reservation() {
    if (!kept_) {
        ::munmap(mapped_, mapped_size_);
    }
}

}  // namespace pycds::image
