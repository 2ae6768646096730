#pragma once

// Containers of a dump.  The heap is what is being written down, so their memory is elsewhere; it is given back all at
// once.  Items are plain bytes, and what does not fit ends the dump: there are no exceptions here, and so little code.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace pycds::snapshot {

class Arena {
  public:
    Arena(std::byte* begin, std::size_t size) noexcept : at_(begin), end_(begin + size) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // Ends the process where there is none left: see outcome.hpp.
    [[nodiscard]] void* take(std::size_t size) noexcept;

  private:
    std::byte* at_;
    std::byte* end_;
};

template <typename Item>
class List {
    static_assert(std::is_trivially_copyable_v<Item>);

  public:
    explicit List(Arena& arena) noexcept : arena_(&arena) {}

    void push(const Item& item) noexcept { append(&item, 1); }
    void append(const Item* items, std::size_t count) noexcept {
        const std::size_t before = count_;
        resize(count_ + count);
        std::memcpy(items_ + before, items, count * sizeof(Item));
    }
    // New items are zeros.
    void resize(std::size_t count) noexcept {
        if (count > room_) {
            room_ = count * 2 + 16;
            void* const larger = arena_->take(room_ * sizeof(Item));
            if (count_ != 0) {
                std::memcpy(larger, items_, count_ * sizeof(Item));
            }
            items_ = static_cast<Item*>(larger);
        }
        if (count > count_) {
            std::memset(static_cast<void*>(items_ + count_), 0, (count - count_) * sizeof(Item));
        }
        count_ = count;
    }
    void pop() noexcept { --count_; }

    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] Item* begin() noexcept { return items_; }
    [[nodiscard]] Item* end() noexcept { return items_ + count_; }
    [[nodiscard]] const Item* begin() const noexcept { return items_; }
    [[nodiscard]] const Item* end() const noexcept { return items_ + count_; }
    [[nodiscard]] Item& operator[](std::size_t i) noexcept { return items_[i]; }
    [[nodiscard]] const Item& operator[](std::size_t i) const noexcept { return items_[i]; }
    [[nodiscard]] Item& back() noexcept { return items_[count_ - 1]; }
    [[nodiscard]] const Item& back() const noexcept { return items_[count_ - 1]; }

  private:
    Arena* arena_;
    Item* items_ = nullptr;
    std::size_t count_ = 0;
    std::size_t room_ = 0;
};

[[nodiscard]] inline std::string_view view_of(const List<char>& text) noexcept { return {text.begin(), text.size()}; }

}  // namespace pycds::snapshot
