#include "extent_builder.hpp"

#include "format.hpp"

#include <cstring>
#include <utility>

namespace pycds::image {

namespace {

constexpr std::size_t round_up(std::size_t size, std::size_t alignment) noexcept {
    return (size + alignment - 1) / alignment * alignment;
}

// One bit a word of the objects.
constexpr std::size_t bitmap_words_for(std::size_t objects_size) noexcept {
    return (objects_size / sizeof(std::uint64_t) + 63) / 64;
}

}  // namespace

std::size_t ExtentBuilder::append(std::span<const std::byte> object, std::size_t prefix) {
    const std::size_t offset = round_up(objects_.size() + prefix, object_alignment);
    objects_.resize(offset + object.size());
    std::memcpy(objects_.data() + offset, object.data(), object.size());
    return offset;
}

void ExtentBuilder::set_reference(std::size_t offset, Reference reference) {
    set_word(offset, reference.bits());
    const std::size_t word = offset / sizeof(std::uint64_t);
    if (word / 64 >= bitmap_.size()) {
        bitmap_.resize(word / 64 + 1);
    }
    bitmap_[word / 64] |= std::uint64_t{1} << (word % 64);
    ++relocations_;
}

void ExtentBuilder::set_word(std::size_t offset, std::uint64_t word) {
    std::memcpy(objects_.data() + offset, &word, sizeof(word));
}

std::size_t ExtentBuilder::built_size() const noexcept {
    const std::size_t size = round_up(objects_.size(), object_alignment);
    return size + bitmap_words_for(size) * sizeof(std::uint64_t);
}

ExtentBuilder::Built ExtentBuilder::finish() {
    objects_.resize(round_up(objects_.size(), object_alignment));
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
