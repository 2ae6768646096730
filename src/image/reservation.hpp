#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pycds::image {

// Anonymous memory in which the parts of a file are placed at their offsets when they are read.  Pages cost nothing
// until they are filled.
class Reservation {
  public:
    // Throws std::bad_alloc.
    explicit Reservation(std::size_t size);
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation();

    [[nodiscard]] std::byte* base() const noexcept { return base_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // The caller has checked offset + size against size().
    [[nodiscard]] std::span<std::byte> at(std::uint64_t offset, std::size_t size) const noexcept {
        return {base_ + offset, size};
    }

  private:
    std::byte* base_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace pycds::image
