#include "mutator.hpp"

#include <algorithm>
#include <span>

namespace pycds::image::fuzz {

using test::Bytes;
using test::put;

namespace {

// The part of a section that lies within the file.
std::span<const std::byte> bytes_of(const Bytes& file, std::size_t section) {
    if (file.size() < sizeof(Header)) {
        return {};
    }
    const SectionRecord bounds = test::section_of(file, static_cast<Section>(section));
    if (bounds.offset >= file.size()) {
        return {};
    }
    const std::uint64_t size = std::min<std::uint64_t>(bounds.size, file.size() - bounds.offset);
    return std::span(file).subspan(bounds.offset, size);
}

}  // namespace

// A small section holds as much that can be wrong as a large one: half of the changes choose the section first.
std::size_t Mutator::place(const Bytes& bytes) {
    if (below(2) == 0) {
        const auto section = bytes_of(bytes, below(section_count));
        if (!section.empty()) {
            return static_cast<std::size_t>(section.data() - bytes.data()) + below(section.size());
        }
    }
    return below(bytes.size());
}

std::uint64_t Mutator::interesting_value() {
    switch (below(8)) {
    case 0:
        return 0;
    case 1:
        return ~std::uint64_t{0};
    case 2:
        return std::uint64_t{1} << below(64);
    case 3:
        return (std::uint64_t{1} << below(64)) - 1;
    case 4:
        return below(4096);
    case 5:
        return below(4096) * 16;
    case 6:  // a reference: kind, and a small payload
        return (std::uint64_t{below(64)} << 32) | (below(16) << 7) | below(64);
    default:
        return engine_();
    }
}

void Mutator::change(Bytes& bytes) {
    const std::size_t at = place(bytes);
    switch (below(7)) {
    case 0:
        bytes[at] ^= static_cast<std::byte>(1U << below(8));
        break;
    case 1:
        bytes[at] = static_cast<std::byte>(below(256));
        break;
    case 2:
        if (bytes.size() >= 4) {
            put(bytes, at / 4 * 4 + 4 <= bytes.size() ? at / 4 * 4 : 0,
                static_cast<std::uint32_t>(interesting_value()));
        }
        break;
    case 3:
        if (bytes.size() >= 8) {
            put(bytes, at / 8 * 8 + 8 <= bytes.size() ? at / 8 * 8 : 0, interesting_value());
        }
        break;
    case 4: {  // a piece from elsewhere
        const std::size_t from = below(bytes.size());
        const std::size_t size = std::min({1 + below(64), bytes.size() - at, bytes.size() - from});
        const Bytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                          bytes.begin() + static_cast<std::ptrdiff_t>(from + size));
        std::copy(piece.begin(), piece.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
    }
    case 5: {  // a word from elsewhere: references in the wrong place
        const std::size_t from = below(bytes.size()) / 8 * 8;
        const std::size_t to = at / 8 * 8;
        if (from + 8 <= bytes.size() && to + 8 <= bytes.size()) {
            put(bytes, to, test::get<std::uint64_t>(bytes, from));
        }
        break;
    }
    default: {
        const std::size_t size = std::min(1 + below(32), bytes.size() - at);
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, std::byte{0});
    }
    }
}

void Mutator::change_size(Bytes& bytes) {
    if (below(2) == 0) {
        bytes.resize(below(bytes.size() + 1));
    } else {
        bytes.resize(bytes.size() + below(200), static_cast<std::byte>(below(256)));
    }
    if (below(2) == 0 && bytes.size() >= sizeof(Header)) {
        put(bytes, offsetof(Prefix, file_size), std::uint64_t{bytes.size()});
    }
}

Bytes Mutator::mutate(Bytes bytes) {
    for (std::size_t changes = 1 + below(4); changes != 0 && !bytes.empty(); --changes) {
        change(bytes);
    }
    if (below(16) == 0) {
        change_size(bytes);
    }
    if (below(4) != 0) {
        test::reseal(bytes);
    }
    return bytes;
}

Bytes Mutator::cross_over(Bytes bytes, const Bytes& other) {
    const std::size_t section = below(section_count);
    const auto mine = bytes_of(bytes, section);
    const auto theirs = bytes_of(other, section);
    if (!mine.empty() && !theirs.empty()) {
        const std::size_t from = below(theirs.size()) / 8 * 8;
        const std::size_t to = below(mine.size()) / 8 * 8;
        const std::size_t size = std::min({1 + below(256), theirs.size() - from, mine.size() - to});
        const auto piece = theirs.subspan(from, size);
        std::copy(piece.begin(), piece.end(),
                  bytes.begin() + (mine.data() - bytes.data()) + static_cast<std::ptrdiff_t>(to));
    }
    if (below(8) != 0) {
        test::reseal(bytes);
    }
    return bytes;
}

}  // namespace pycds::image::fuzz
