#include "extent_builder.hpp"

#include "format.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

namespace pycds::image {

namespace {

constexpr std::size_t round_up(std::size_t size, std::size_t alignment) noexcept {
    return (size + alignment - 1) / alignment * alignment;
}

}  // namespace

std::size_t ExtentBuilder::append(std::span<const std::byte> object, std::size_t prefix) {
    const std::size_t offset = round_up(objects_.size() + prefix, object_alignment);
    objects_.resize(offset + object.size());
    std::copy(object.begin(), object.end(), objects_.begin() + static_cast<std::ptrdiff_t>(offset));
    return offset;
}

void ExtentBuilder::set_reference(std::size_t offset, Reference reference) {
    set_word(offset, reference.bits());
    const std::size_t word = offset / sizeof(std::uint64_t);
    if (word / 64 >= bitmap_.size()) {
        bitmap_.resize(word / 64 + 1);
    }
    const std::uint64_t bit = std::uint64_t{1} << (word % 64);
    relocations_ += (bitmap_[word / 64] & bit) == 0 ? 1 : 0;
    bitmap_[word / 64] |= bit;
}

void ExtentBuilder::set_word(std::size_t offset, std::uint64_t word) {
    std::memcpy(objects_.data() + offset, &word, sizeof(word));
}

std::size_t ExtentBuilder::next_offset() const noexcept { return round_up(objects_.size(), object_alignment); }

std::size_t ExtentBuilder::built_size() const noexcept {
    const std::size_t size = next_offset();
    return size + bitmap_words_for(size) * sizeof(std::uint64_t);
}

ExtentBuilder::Built ExtentBuilder::finish() {
    objects_.resize(next_offset());
    if (objects_.size() > std::numeric_limits<std::uint32_t>::max()) {
        throw std::length_error("objects of more than 4 GiB in one place");
    }
    bitmap_.resize(bitmap_words_for(objects_.size()));
    Built built{std::move(objects_), 0, static_cast<std::uint32_t>(bitmap_.size()), std::exchange(relocations_, 0)};
    built.objects_size = static_cast<std::uint32_t>(built.bytes.size());
    const auto bitmap = std::as_bytes(std::span(bitmap_));
    built.bytes.insert(built.bytes.end(), bitmap.begin(), bitmap.end());
    objects_.clear();
    bitmap_.clear();
    return built;
}

}  // namespace pycds::image
