#include "snapshot_specimen.hpp"

#include "snapshot/checksum.hpp"
#include "snapshot/stamps.hpp"

#include <string_view>

namespace pycds::snapshot::test {

namespace {

constexpr std::uint64_t code = 0x555555554000;
constexpr std::uint64_t heap = 0x555555560000;
constexpr std::uint64_t library = 0x7f0000000000;
constexpr std::uint64_t vdso = 0x7ffff7fc9000;
constexpr std::uint64_t stack_end = 0x7ffffffde000;
constexpr std::uint64_t stack_room = 8 << 20;
constexpr std::string_view texts("\0/usr/bin/python3\0/srv/app.py\0HOME=/root\0PATH=/bin\0PWD\0", 55);

constexpr TextOffset python_path = 1;
constexpr TextOffset script_path = 18;
constexpr TextOffset home_variable = 30;
constexpr TextOffset path_variable = 41;
constexpr TextOffset free_name = 51;

MappingRecord mapping(MappingKind kind, std::uint64_t begin, std::uint64_t pages, std::uint16_t protection) {
    MappingRecord record{};
    record.kind = kind;
    record.begin = begin;
    record.end = begin + pages * page_size;
    record.protection = protection;
    return record;
}

std::vector<MappingRecord> mappings() {
    constexpr std::uint16_t data = protection_read | protection_write;
    std::vector<MappingRecord> all;
    all.push_back(mapping(MappingKind::file, code, 4, protection_read | protection_execute));
    all.push_back(mapping(MappingKind::payload, heap, 2, data));
    all.push_back(mapping(MappingKind::zero, heap + 2 * page_size, 3, data));
    all.push_back(mapping(MappingKind::file, library, 1, protection_read));
    all.back().flags = mapping_shared;
    all.push_back(mapping(MappingKind::stack, stack_end - page_size, 1, data));
    all.back().offset = 2 * page_size;
    all.back().room = stack_room;
    return all;
}

FileRecord file(TextOffset path) {
    FileRecord record{};
    record.path = path;
    record.mode = regular_kind | 0644;
    record.size = 100;
    return record;
}

class Builder {
  public:
    Builder() : bytes_(sizeof(Header)) {}

    template <typename Item>
    void table(Table which, const std::vector<Item>& items) {
        bytes_.resize((bytes_.size() + 7) / 8 * 8);
        header.tables[static_cast<std::size_t>(which)] = {bytes_.size(), items.size()};
        const auto* begin = reinterpret_cast<const std::byte*>(items.data());
        bytes_.insert(bytes_.end(), begin, begin + items.size() * sizeof(Item));
    }

    Bytes finish(std::uint64_t payload_pages) {
        header.tables_end = bytes_.size();
        header.payload = (bytes_.size() + page_size - 1) / page_size * page_size;
        header.file_size = header.payload + payload_pages * page_size;
        bytes_.resize(header.file_size, std::byte{0x5A});
        std::memset(bytes_.data() + header.tables_end, 0, header.payload - header.tables_end);
        std::memcpy(bytes_.data(), &header, sizeof header);
        reseal(bytes_);
        return bytes_;
    }

    Header header{};

  private:
    Bytes bytes_;
};

}  // namespace

Bytes specimen() {
    Builder builder;
    Header& header = builder.header;
    std::memcpy(header.magic, magic, sizeof magic);
    header.format_version = format_version;
    header.header_size = sizeof(Header);
    std::strcpy(header.creator, "specimen");
    header.mapped_files = 1;
    header.layout.break_begin = heap;
    header.layout.break_end = heap + 5 * page_size;
    header.specials[0] = {vdso - 4 * page_size, vdso};
    header.specials[1] = {vdso, vdso + 2 * page_size};
    header.vdso = vdso;
    header.thread.registers.rip = code + 16;
    header.thread.registers.rsp = stack_end - 64;
    header.thread.thread_pointer = heap + 64;
    header.thread.thread_id_address = heap + 128;
    header.thread.rseq = heap + 256;
    header.thread.rseq_size = 32;
    builder.table(Table::mappings, mappings());
    builder.table(Table::files, std::vector{file(python_path), file(script_path)});
    builder.table(Table::environment, std::vector{home_variable, path_variable});
    builder.table(Table::free_names, std::vector{free_name});
    builder.table(Table::command, std::vector{python_path, script_path});
    builder.table(Table::auxiliary, std::vector<std::uint64_t>{6, page_size, 0, 0});
    builder.table(Table::texts, std::vector<char>(texts.begin(), texts.end()));
    return builder.finish(3);
}

void reseal(Bytes& file) {
    Header header;
    if (file.size() < sizeof header) {
        return;
    }
    std::memcpy(&header, file.data(), sizeof header);
    if (header.header_size == sizeof header && header.payload >= sizeof header && header.payload <= file.size()) {
        header.tables_checksum = checksum(file.data() + sizeof header, header.payload - sizeof header);
        header.payload_checksum = checksum(file.data() + header.payload, file.size() - header.payload);
    }
    header.header_checksum = 0;
    header.header_checksum = checksum(&header, sizeof header);
    std::memcpy(file.data(), &header, sizeof header);
}

Fault fault_of(const Bytes& file) {
    Header header;
    if (file.size() < sizeof header) {
        return Fault::truncated;
    }
    std::memcpy(&header, file.data(), sizeof header);
    View view;
    Fault fault = check_header(header, file.size());
    if (fault == Fault::none) {
        fault = check_tables(file.data(), view);
    }
    if (fault == Fault::none &&
        checksum(file.data() + header.payload, file.size() - header.payload) != header.payload_checksum) {
        fault = Fault::damaged;
    }
    return fault;
}

Fault fault_with_header(const std::function<void(Header&)>& change) {
    Bytes file = specimen();
    Header header;
    std::memcpy(&header, file.data(), sizeof header);
    change(header);
    std::memcpy(file.data(), &header, sizeof header);
    reseal(file);
    return fault_of(file);
}

}  // namespace pycds::snapshot::test
