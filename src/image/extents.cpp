#include "extents.hpp"

#include "error.hpp"
#include "format.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pycds::image {

bool Extents::Window::holds(std::uint64_t offset, std::size_t size) const noexcept {
    return offset >= begin_ && offset - begin_ <= size_ && size <= size_ - (offset - begin_);
}

bool Extents::Window::leads_to(std::uint64_t offset) const noexcept {
    return size_ != 0 && offset > begin_ && offset < begin_ + size_ + object_alignment;
}

void Extents::Window::move_to(InputFile& file, std::uint64_t offset, std::size_t size) {
    const std::uint64_t end = begin_ + size_;
    const std::size_t kept = leads_to(offset) && offset < end ? std::min<std::uint64_t>(end - offset, size) : 0;
    const std::byte* const kept_bytes = memory_.get() + (kept != 0 ? offset - begin_ : 0);
    size_ = 0;
    if (size > capacity_ || (capacity_ > most_at_once && size <= most_at_once)) {
        std::unique_ptr<std::byte[]> memory(new std::byte[size]);
        if (kept != 0) {
            std::memcpy(memory.get(), kept_bytes, kept);
        }
        memory_ = std::move(memory);
        capacity_ = size;
    } else if (kept != 0) {
        std::memmove(memory_.get(), kept_bytes, kept);
    }
    file.read(offset + kept, {memory_.get() + kept, size - kept});
    begin_ = offset;
    size_ = size;
}

Extents::Window& Extents::window_for(std::uint64_t offset) noexcept {
    const auto next = std::ranges::find_if(windows_, [&](const Window& window) { return window.leads_to(offset); });
    return next != windows_.end() ? *next : *std::ranges::min_element(windows_, {}, &Window::last_use);
}

void Extents::fill(Window& window, std::uint64_t offset, std::size_t size) {
    if (window.leads_to(offset) && offset < file_.size() && size <= file_.size() - offset) {
        const std::size_t more = std::max(size, std::clamp(2 * window.size(), least_at_once, most_at_once));
        try {
            window.move_to(file_, offset,
                           static_cast<std::size_t>(std::min<std::uint64_t>(more, file_.size() - offset)));
            return;
        } catch (const Error&) {
            // The file has become shorter: it may still have what was asked for.
        }
    }
    file_.check_bounds(offset, size);  // before memory is asked for
    window.move_to(file_, offset, size);
}

std::span<const std::byte> Extents::read(std::uint64_t offset, std::size_t size) {
    const auto held = std::ranges::find_if(windows_, [&](const Window& window) { return window.holds(offset, size); });
    Window& window = held != windows_.end() ? *held : window_for(offset);
    if (held == windows_.end()) {
        fill(window, offset, size);
    }
    window.last_use = ++uses_;
    return window.at(offset, size);
}

}  // namespace pycds::image
