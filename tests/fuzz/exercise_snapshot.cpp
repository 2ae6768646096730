#include "exercise_snapshot.hpp"

#include "../cpp/snapshot_specimen.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace pycds::snapshot::fuzz {

namespace {

// Places lie within header and tables; the payload means nothing.
void edit(test::Bytes& file, const std::uint8_t* how) {
    Header header;
    std::memcpy(&header, file.data(), sizeof header);
    const std::size_t place = (how[0] | (std::size_t{how[1]} << 8)) % header.tables_end;
    std::byte& byte = file[place];
    switch (how[2] % 4) {
    case 0:
        byte = static_cast<std::byte>(how[3]);
        break;
    case 1:
        byte ^= static_cast<std::byte>(1U << (how[3] % 8));
        break;
    case 2:
        byte = static_cast<std::byte>(static_cast<std::uint8_t>(byte) + how[3]);
        break;
    default:  // a whole word, as far as there is one
        std::memset(&byte, how[3], std::min<std::size_t>(8, header.tables_end - place));
        break;
    }
}

void require(bool condition) {
    if (!condition) {
        throw std::logic_error("the checks let a snapshot through that a restorer cannot follow");
    }
}

std::uint64_t touch(const View& view, const Items<TextOffset>& table) {
    std::uint64_t sum = 0;
    for (const TextOffset offset : table) {
        sum += std::string_view(view.text(offset)).size();
    }
    return sum;
}

void follow(const View& view) {
    const Header& header = *view.header;
    std::uint64_t before = 0;
    for (const MappingRecord& mapping : view.mappings) {
        const std::uint64_t lowest = mapping.kind == MappingKind::stack ? mapping.end - mapping.room : mapping.begin;
        require(before <= lowest && lowest < mapping.end && mapping.end <= end_of_memory);
        require(mapping.end <= restorer_begin || lowest >= restorer_end);
        require(mapping.kind != MappingKind::file || mapping.file < header.mapped_files);
        if (has_bytes(mapping.kind)) {
            require(header.payload + mapping.offset + (mapping.end - mapping.begin) <= header.file_size);
        }
        before = mapping.end;
    }
    std::uint64_t sum = touch(view, view.environment) + touch(view, view.free_names) + touch(view, view.command);
    for (const FileRecord& file : view.files) {
        sum += std::string_view(view.text(file.path)).size();
    }
    for (const std::uint64_t word : view.auxiliary) {
        sum += word;
    }
    volatile std::uint64_t seen = sum;
    (void)seen;
}

}  // namespace

bool exercise_snapshot(const std::uint8_t* edits, std::size_t size) {
    test::Bytes file = test::specimen();
    for (std::size_t at = 0; at + 4 <= size && at < 256; at += 4) {
        edit(file, edits + at);
        Header header;
        std::memcpy(&header, file.data(), sizeof header);
        if (header.tables_end < sizeof header || header.tables_end > file.size()) {
            break;  // no more places to choose from
        }
    }
    test::reseal(file);
    Header header;
    std::memcpy(&header, file.data(), sizeof header);
    View view;
    if (check_header(header, file.size()) != Fault::none || check_tables(file.data(), view) != Fault::none) {
        return false;
    }
    follow(view);
    return true;
}

}  // namespace pycds::snapshot::fuzz
