#pragma once

// Header and tables of a snapshot, after every check that needs no system call.  The same code runs in the restorer
// and under the fuzzer: what it lets through can be followed blindly.

#include "fault.hpp"
#include "format.hpp"

namespace pycds::snapshot {

template <typename Item>
struct Items {
    const Item* first = nullptr;
    std::size_t count = 0;

    [[nodiscard]] const Item* begin() const noexcept { return first; }
    [[nodiscard]] const Item* end() const noexcept { return first + count; }
    [[nodiscard]] const Item& operator[](std::size_t i) const noexcept { return first[i]; }
};

struct View {
    const Header* header = nullptr;
    Items<MappingRecord> mappings;
    Items<FileRecord> files;
    Items<TextOffset> environment;
    Items<TextOffset> free_names;
    Items<TextOffset> command;
    Items<std::uint64_t> auxiliary;
    Items<char> texts;

    [[nodiscard]] const char* text(TextOffset offset) const noexcept { return texts.first + offset; }
};

// Whether a header is this version's own, whole, and fits a file of this size; only then may `payload` be used.
[[nodiscard]] Fault check_header(const Header& header, std::uint64_t file_size) noexcept;

// `bytes`: the file's beginning, up to the header's `payload`, aligned as a page; its header has passed
// check_header().  Fills `view`.
[[nodiscard]] Fault check_tables(const std::byte* bytes, View& view) noexcept;

}  // namespace pycds::snapshot
