#include "extents.hpp"

#include "error.hpp"
#include "format.hpp"

#include <algorithm>

namespace pycds::image {

// Empty if it has not been read, or has been given away, or is partly either.
std::span<std::byte> Extents::take(std::uint64_t offset, std::size_t size) {
    auto place = pieces_.upper_bound(offset);
    if (place == pieces_.begin()) {
        return {};
    }
    --place;
    const auto [begin, piece] = *place;
    if (offset >= piece.end || size > piece.end - offset) {
        return {};
    }
    std::byte* const memory = piece.memory + (offset - begin);
    const std::uint64_t end = offset + size;
    if (end < piece.end) {
        pieces_.insert_or_assign(end, Piece{piece.end, memory + size});
    }
    if (begin < offset) {
        place->second.end = offset;
    } else {
        pieces_.erase(place);
    }
    return {memory, size};
}

// Where a reading had the beginning of this extent alone, it will be read as a whole: what was read of it is free.
void Extents::drop_beginning(std::uint64_t offset, std::size_t size) noexcept {
    auto place = pieces_.upper_bound(offset);
    if (place == pieces_.begin()) {
        return;
    }
    --place;
    const auto [begin, piece] = *place;
    if (offset >= piece.end || size <= piece.end - offset) {
        return;
    }
    const auto beginning = static_cast<std::size_t>(piece.end - offset);
    arena_.give_back({piece.memory + (offset - begin), beginning});
    unread_ += beginning;
    if (begin < offset) {
        place->second.end = offset;
    } else {
        pieces_.erase(place);
    }
}

std::size_t Extents::size_of_reading(std::uint64_t offset, std::size_t size) const noexcept {
    for (const Reading& before : latest_) {
        // An extent of which that reading had only the beginning is read as a whole.
        if (before.size != 0 && offset > before.end - before.size && offset < before.end + object_alignment) {
            const std::size_t more = std::max(size, std::clamp(2 * before.size, least_at_once, most_at_once));
            return static_cast<std::size_t>(std::min<std::uint64_t>(more, file_.size() - offset));
        }
    }
    return size;
}

std::span<std::byte> Extents::read_new(std::uint64_t offset, std::size_t size) {
    const auto memory = arena_.reserve(size, static_cast<std::size_t>(unread_));
    file_.read(offset, memory);
    arena_.commit(memory);
    unread_ -= std::min<std::uint64_t>(unread_, size);
    latest_[next_of_latest_++ % latest_.size()] = {offset + size, size};
    return memory;
}

std::span<std::byte> Extents::read(std::uint64_t offset, std::size_t size) {
    if (const auto bytes = take(offset, size); bytes.size() == size && size != 0) {
        return bytes;
    }
    drop_beginning(offset, size);
    if (offset <= file_.size() && size <= file_.size() - offset) {
        const std::size_t more = size_of_reading(offset, size);
        if (more > size) {
            try {
                const auto bytes = read_new(offset, more);
                pieces_.insert_or_assign(offset + size, Piece{offset + more, bytes.data() + size});
                return bytes.first(size);
            } catch (const Error&) {
                // The file has become shorter: it may still have what was asked for.
            }
        }
    }
    return read_new(offset, size);
}

}  // namespace pycds::image
