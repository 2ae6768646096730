#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pycds::image {

// Anonymous memory as large as the file, in which each part is placed at its offset when it is read.  Pages cost
// nothing until they are filled.  Objects linked here live as long as the process, so the owner of a reservation in
// which something was linked must call `keep`.
class Reservation {
  public:
    // Throws std::bad_alloc.
    explicit Reservation(std::size_t size);
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation();

    void keep() noexcept { kept_ = true; }

    [[nodiscard]] std::byte* base() const noexcept { return base_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // The caller has checked offset + size against size().
    [[nodiscard]] std::span<std::byte> at(std::uint64_t offset, std::size_t size) const noexcept {
        return {base_ + offset, size};
    }

  private:
    std::byte* base_ = nullptr;
    std::size_t size_ = 0;
    void* mapped_ = nullptr;
    std::size_t mapped_size_ = 0;
    bool kept_ = false;
};

}  // namespace pycds::image
