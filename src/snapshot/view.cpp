#include "view.hpp"

#include "checksum.hpp"

#include <initializer_list>

namespace pycds::snapshot {

namespace {

constexpr std::uint64_t most_tables = std::uint64_t{1} << 28;

constexpr bool is_whole_pages(std::uint64_t value) noexcept { return value % page_size == 0; }

bool same_bytes(const char* left, const char* right, std::size_t size) noexcept {
    for (std::size_t i = 0; i < size; ++i) {
        if (left[i] != right[i]) {
            return false;
        }
    }
    return true;
}

std::uint64_t header_checksum(const Header& header) noexcept {
    Header copy = header;
    copy.header_checksum = 0;
    return checksum(&copy, sizeof copy);
}

constexpr std::size_t item_sizes[table_count] = {sizeof(MappingRecord), sizeof(FileRecord), sizeof(TextOffset),
                                                 sizeof(TextOffset),    sizeof(TextOffset), sizeof(std::uint64_t),
                                                 sizeof(char)};

// Tables follow each other, each at a multiple of 8; what is left between them is less than that.
bool tables_lie_in_order(const Header& header) noexcept {
    std::uint64_t at = header.header_size;
    for (std::size_t i = 0; i < table_count; ++i) {
        const TableRecord& table = header.tables[i];
        if (table.offset != (at + 7) / 8 * 8 || table.items > most_tables) {
            return false;
        }
        at = table.offset + table.items * item_sizes[i];
    }
    return at == header.tables_end;
}

bool is_placed(std::uint64_t begin, std::uint64_t end) noexcept {
    return is_whole_pages(begin) && is_whole_pages(end) && begin < end && begin >= start_of_memory &&
           end <= end_of_memory && (end <= restorer_begin || begin >= restorer_end);
}

bool specials_are_in_order(const Header& header) noexcept {
    std::uint64_t before = 0;
    bool has_vdso = false;
    bool ended = false;
    for (const SpecialRecord& special : header.specials) {
        if (special.begin == 0 && special.end == 0) {
            ended = true;
            continue;
        }
        if (ended || !is_placed(special.begin, special.end) || special.begin < before) {
            return false;
        }
        before = special.end;
        has_vdso |= special.begin == header.vdso;
    }
    // They are moved all at once, to a place for them.
    return has_vdso && before - header.specials[0].begin <= restorer_end - parking_address;
}

bool meets_special(const Header& header, std::uint64_t begin, std::uint64_t end) noexcept {
    for (const SpecialRecord& special : header.specials) {
        if (begin < special.end && special.begin < end) {
            return true;
        }
    }
    return false;
}

bool is_in_payload(const Header& header, const MappingRecord& mapping) noexcept {
    const std::uint64_t size = mapping.end - mapping.begin;
    const std::uint64_t payload = header.file_size - header.payload;
    return is_whole_pages(mapping.offset) && mapping.offset <= payload && size <= payload - mapping.offset;
}

// The lowest address that a mapping may come to use; 0 where it makes no sense.
std::uint64_t lowest_address(const MappingRecord& mapping) noexcept {
    if (mapping.kind != MappingKind::stack) {
        return mapping.room == 0 ? mapping.begin : 0;
    }
    const bool sound = is_whole_pages(mapping.room) && mapping.room >= mapping.end - mapping.begin &&
                       mapping.room <= mapping.end - start_of_memory;
    return sound ? mapping.end - mapping.room : 0;
}

bool kind_is_sound(const Header& header, const MappingRecord& mapping) noexcept {
    const bool writable = (mapping.protection & protection_write) != 0;
    switch (mapping.kind) {
    case MappingKind::zero:
        return mapping.offset == 0 && mapping.file == 0 && (mapping.flags & ~std::uint32_t{mapping_wipe_on_fork}) == 0;
    case MappingKind::guard:
        return mapping.offset == 0 && mapping.file == 0 && mapping.flags == 0;
    case MappingKind::payload:
        return is_in_payload(header, mapping) && mapping.file == 0 && mapping.flags == 0;
    case MappingKind::file:
        return is_whole_pages(mapping.offset) && mapping.file < header.mapped_files &&
               (mapping.flags & ~std::uint32_t{mapping_shared}) == 0 && !(mapping.flags != 0 && writable) &&
               mapping.offset <= (std::uint64_t{1} << 62);
    case MappingKind::stack:
    case MappingKind::copy:
        return is_in_payload(header, mapping) && mapping.file == 0 && mapping.flags == 0 &&
               mapping.protection == (protection_read | protection_write);
    }
    return false;
}

bool mappings_are_sound(const View& view) noexcept {
    const Header& header = *view.header;
    std::uint64_t before = start_of_memory;
    std::size_t stacks = 0;
    for (const MappingRecord& mapping : view.mappings) {
        if (!is_placed(mapping.begin, mapping.end) || mapping.reserved != 0 || (mapping.protection & ~7U) != 0 ||
            !kind_is_sound(header, mapping)) {
            return false;
        }
        const std::uint64_t lowest = lowest_address(mapping);
        if (lowest < before || !is_placed(lowest, mapping.end) || meets_special(header, lowest, mapping.end)) {
            return false;
        }
        before = mapping.end;
        stacks += mapping.kind == MappingKind::stack ? 1 : 0;
    }
    return stacks == 1;
}

bool is_text(const View& view, TextOffset offset) noexcept { return offset < view.texts.count; }

bool texts_are_sound(const View& view) noexcept {
    if (view.texts.count == 0 || view.texts[view.texts.count - 1] != '\0') {
        return false;
    }
    for (const Items<TextOffset>& table : {view.environment, view.free_names, view.command}) {
        for (const TextOffset offset : table) {
            if (!is_text(view, offset)) {
                return false;
            }
        }
    }
    return is_text(view, view.header->machine.kernel_text) && is_text(view, view.header->machine.python_text) &&
           is_text(view, view.header->machine.directory) && is_text(view, view.header->machine.host) &&
           is_text(view, view.header->machine.made_by);
}

bool files_are_sound(const View& view) noexcept {
    if (view.header->mapped_files > view.files.count) {
        return false;
    }
    for (const FileRecord& file : view.files) {
        if (!is_text(view, file.path) || *view.text(file.path) != '/') {
            return false;
        }
    }
    return true;
}

// Whether some mapping holds all these bytes and allows this.
bool is_mapped(const View& view, std::uint64_t address, std::uint64_t size, std::uint16_t protection) noexcept {
    for (const MappingRecord& mapping : view.mappings) {
        if (mapping.begin <= address && address < mapping.end) {
            return size <= mapping.end - address && (mapping.protection & protection) == protection;
        }
    }
    return false;
}

bool is_free(const View& view, std::uint64_t begin, std::uint64_t end) noexcept {
    for (const MappingRecord& mapping : view.mappings) {
        if (mapping.begin < end && begin < mapping.end) {
            return false;
        }
    }
    return true;
}

bool thread_is_sound(const View& view) noexcept {
    const ThreadRecord& thread = view.header->thread;
    constexpr std::uint16_t writable = protection_read | protection_write;
    return is_mapped(view, thread.registers.rip, 1, protection_execute) &&
           is_mapped(view, thread.registers.rsp, 8, writable) && is_mapped(view, thread.thread_pointer, 8, writable) &&
           is_mapped(view, thread.thread_id_address, 4, writable) && thread.thread_id_address % 4 == 0 &&
           (thread.rseq == 0 || is_mapped(view, thread.rseq, thread.rseq_size, writable)) &&
           thread.rseq_size % 4 == 0 && (thread.rseq == 0 || thread.rseq_size >= 20) &&
           thread.registers.reserved == 0 && thread.registers.mxcsr <= 0xFFFF;
}

// The kernel checks the rest when it is told.
bool layout_is_sound(const View& view) noexcept {
    const LayoutRecord& layout = view.header->layout;
    return layout.break_begin <= layout.break_end && layout.break_end < end_of_memory && layout.reserved == 0 &&
           (layout.break_end % page_size == 0 || !is_free(view, layout.break_end, layout.break_end + 1));
}

bool descriptor_is_sound(const View& view) noexcept {
    constexpr std::uint16_t last_stream = 2;
    const DescriptorRecord& descriptor = view.header->descriptor;
    return descriptor.number == 0 ? descriptor.flags == 0 && descriptor.file == 0
                                  : descriptor.number > last_stream && descriptor.flags <= descriptor_closed_on_exec &&
                                        descriptor.file < view.header->mapped_files;
}

bool auxiliary_is_sound(const View& view) noexcept {
    const std::size_t count = view.auxiliary.count;
    return count >= 2 && count % 2 == 0 && count <= 96 && view.auxiliary[count - 1] == 0 &&
           view.auxiliary[count - 2] == 0;
}

template <typename Item>
Items<Item> table_of(const std::byte* bytes, Table table) noexcept {
    const TableRecord& record = reinterpret_cast<const Header*>(bytes)->tables[static_cast<std::size_t>(table)];
    return {reinterpret_cast<const Item*>(bytes + record.offset), record.items};
}

}  // namespace

Fault check_header(const Header& header, std::uint64_t file_size) noexcept {
    if (!same_bytes(header.magic, magic, sizeof magic)) {
        return Fault::foreign;
    }
    if (header.format_version != format_version) {
        return Fault::format_version;
    }
    if (header.header_size != sizeof(Header) || header.header_checksum != header_checksum(header)) {
        return Fault::damaged;
    }
    if (header.file_size != file_size) {
        return Fault::truncated;
    }
    const bool sound = header.tables_end <= most_tables && tables_lie_in_order(header) &&
                       header.payload == (header.tables_end + page_size - 1) / page_size * page_size &&
                       header.payload <= header.file_size && is_whole_pages(header.file_size) &&
                       header.creator[sizeof header.creator - 1] == '\0' &&
                       header.machine.terminals <= terminals_none && specials_are_in_order(header);
    return sound ? Fault::none : Fault::damaged;
}

Fault check_tables(const std::byte* bytes, View& view) noexcept {
    view.header = reinterpret_cast<const Header*>(bytes);
    const std::uint64_t begin = view.header->header_size;
    if (checksum(bytes + begin, view.header->payload - begin) != view.header->tables_checksum) {
        return Fault::damaged;
    }
    view.mappings = table_of<MappingRecord>(bytes, Table::mappings);
    view.files = table_of<FileRecord>(bytes, Table::files);
    view.environment = table_of<TextOffset>(bytes, Table::environment);
    view.free_names = table_of<TextOffset>(bytes, Table::free_names);
    view.command = table_of<TextOffset>(bytes, Table::command);
    view.auxiliary = table_of<std::uint64_t>(bytes, Table::auxiliary);
    view.texts = table_of<char>(bytes, Table::texts);
    const bool sound = texts_are_sound(view) && files_are_sound(view) && mappings_are_sound(view) &&
                       thread_is_sound(view) && layout_is_sound(view) && descriptor_is_sound(view) &&
                       auxiliary_is_sound(view) && view.command.count >= 2;
    return sound ? Fault::none : Fault::damaged;
}

}  // namespace pycds::snapshot
