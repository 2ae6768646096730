#pragma once

// Constants of an archive as a person reads them, without making objects of them: the bytes are read by the layout of
// this interpreter, so the archive must be one of the same version.

#include "../image/reference.hpp"
#include "python.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pycds::cpython {

class Preview {
  public:
    // The sections `strings` and `constants`, which must outlive this.
    Preview(std::span<const std::byte> strings, std::span<const std::byte> constants) noexcept
        : strings_(strings), constants_(constants) {}

    // Much like repr(), in UTF-8, cut after some seventy characters ("..."); "?" where the bytes make no sense.
    [[nodiscard]] std::string constant(image::RuntimeType type, std::uint64_t offset) const;

  private:
    static constexpr int deepest = 4;

    [[nodiscard]] std::string object(std::span<const std::byte> section, image::RuntimeType type, std::uint64_t offset,
                                     int depth) const;
    [[nodiscard]] std::string reference(image::Reference reference, int depth) const;
    [[nodiscard]] std::string tuple(std::span<const std::byte> bytes, int depth) const;
    [[nodiscard]] std::string slice(std::span<const std::byte> bytes, int depth) const;
    [[nodiscard]] std::string frozenset(std::uint64_t offset, int depth) const;

    std::span<const std::byte> strings_;
    std::span<const std::byte> constants_;
};

}  // namespace pycds::cpython
