#include "run.hpp"
#include "stamp.hpp"
#include "system.hpp"

#include <linux/auxvec.h>

namespace pycds::snapshot::restore {

namespace {

// Copies texts behind `at`, and their addresses to `list`, which ends with a null; where the texts end.
char* copy_texts(char** from, std::size_t count, char** list, char* at) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t size = length(from[i]) + 1;
        __builtin_memcpy(at, from[i], size);
        list[i] = at;
        at += size;
    }
    list[count] = nullptr;
    return at;
}

std::uint64_t size_of_texts(char** texts, std::size_t count) noexcept {
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
        size += length(texts[i]) + 1 + sizeof(char*);
    }
    return size;
}

bool move(std::uint64_t from, std::uint64_t size, std::uint64_t to) noexcept {
    constexpr int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    return call(__NR_mremap, from, size, size, flags, to) == static_cast<long>(to);
}

// Moves what the kernel maps by itself from where it was mapped to where `to` says the first of it goes.
bool move_specials(const Header& header, std::uint64_t first_from, std::uint64_t first_to) noexcept {
    for (const SpecialRecord& special : header.specials) {
        const std::uint64_t distance = special.begin - header.specials[0].begin;
        const std::uint64_t size = special.end - special.begin;
        if (size != 0 && !move(first_from + distance, size, first_to + distance)) {
            return false;
        }
    }
    return true;
}

// All that is not the restorer's own: the stack that the kernel gave, above all.
bool clear_memory() noexcept {
    return call(__NR_munmap, start_of_memory, restorer_begin - start_of_memory) == 0 &&
           call(__NR_munmap, restorer_end, end_of_memory - restorer_end) == 0;
}

bool map(const MappingRecord& mapping, std::uint64_t flags, long descriptor, std::uint64_t offset) noexcept {
    const std::uint64_t size = mapping.end - mapping.begin;
    return call(__NR_mmap, mapping.begin, size, mapping.protection, flags | MAP_FIXED_NOREPLACE, descriptor, offset) ==
           static_cast<long>(mapping.begin);
}

constexpr std::uint64_t anonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

bool place_zero(const MappingRecord& mapping) noexcept {
    if (!map(mapping, anonymous, -1, 0)) {
        return false;
    }
    const std::uint64_t size = mapping.end - mapping.begin;
    return (mapping.flags & mapping_wipe_on_fork) == 0 || call(__NR_madvise, mapping.begin, size, MADV_WIPEONFORK) == 0;
}

bool place_guard(const MappingRecord& mapping) noexcept {
    constexpr int install_guard = 102;  // MADV_GUARD_INSTALL of linux/mman.h, from Linux 6.13 on
    const std::uint64_t size = mapping.end - mapping.begin;
    return map(mapping, anonymous, -1, 0) && call(__NR_madvise, mapping.begin, size, install_guard) == 0;
}

bool read_payload(const Run& run, const MappingRecord& mapping) noexcept {
    const std::uint64_t offset = run.view.header->payload + mapping.offset;
    return read_at(run.snapshot, mapping.begin, mapping.end - mapping.begin, offset);
}

bool place_stack(const Run& run, const MappingRecord& mapping) noexcept {
    MappingRecord whole = mapping;
    whole.begin = mapping.end - mapping.room;
    return map(whole, anonymous, -1, 0) && read_payload(run, mapping);
}

// The file that was opened last stays open: the mappings of a file follow each other.
struct OpenFile {
    std::uint32_t number = ~std::uint32_t{0};
    long descriptor = -1;

    void close() noexcept {
        if (descriptor >= 0) {
            call(__NR_close, descriptor);
            descriptor = -1;
        }
    }
};

Fault place_file(Run& run, const MappingRecord& mapping, OpenFile& opened) noexcept {
    if (opened.number != mapping.file || opened.descriptor < 0) {
        opened.close();
        opened.number = mapping.file;
        opened.descriptor = open_as_recorded(run, mapping.file);
        if (opened.descriptor < 0) {
            return Fault::file_changed;
        }
    }
    const std::uint64_t sharing = (mapping.flags & mapping_shared) != 0 ? MAP_SHARED : MAP_PRIVATE;
    return map(mapping, sharing, opened.descriptor, mapping.offset) ? Fault::none : Fault::memory;
}

Fault place(Run& run, const MappingRecord& mapping, OpenFile& opened) noexcept {
    bool placed = false;
    switch (mapping.kind) {
    case MappingKind::file:
        return place_file(run, mapping, opened);
    case MappingKind::zero:
        placed = place_zero(mapping);
        break;
    case MappingKind::guard:
        placed = place_guard(mapping);
        break;
    case MappingKind::payload:
        placed = map(mapping, MAP_PRIVATE, run.snapshot, run.view.header->payload + mapping.offset);
        break;
    case MappingKind::stack:
        placed = place_stack(run, mapping);
        break;
    case MappingKind::copy:
        placed = map(mapping, anonymous, -1, 0) && read_payload(run, mapping);
        break;
    }
    return placed ? Fault::none : Fault::memory;
}

}  // namespace

long open_as_recorded(Run& run, std::uint32_t number) noexcept {
    const FileRecord& file = run.view.files[number];
    const char* path = run.view.text(file.path);
    const long descriptor = call(__NR_openat, static_cast<long>(AT_FDCWD), path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat status{};
    if (descriptor >= 0 && call(__NR_fstat, descriptor, &status) == 0 && is_as_recorded(file, stamp_of(status))) {
        return descriptor;
    }
    if (descriptor >= 0) {
        call(__NR_close, descriptor);
    }
    run.detail = path;
    return -1;
}

Fault keep_arguments(Run& run) noexcept {
    const auto arguments = static_cast<std::size_t>(run.argument_count);
    std::uint64_t auxiliary = 2;
    for (const std::uint64_t* pair = run.auxiliary; pair[0] != 0; pair += 2) {
        auxiliary += 2;
    }
    const std::uint64_t lists = sizeof(Arrival) + 2 * sizeof(char*) + auxiliary * sizeof(std::uint64_t);
    const std::uint64_t size =
        lists + size_of_texts(run.arguments, arguments) + size_of_texts(run.environment, run.environment_count);
    if (!reserve(arguments_address, size)) {
        return Fault::memory;
    }
    auto** list = reinterpret_cast<char**>(arguments_address + sizeof(Arrival));
    auto** environment = list + arguments + 1;
    auto* pairs = reinterpret_cast<std::uint64_t*>(environment + run.environment_count + 1);
    __builtin_memcpy(pairs, run.auxiliary, auxiliary * sizeof(std::uint64_t));
    char* at = copy_texts(run.arguments, arguments, list, reinterpret_cast<char*>(pairs + auxiliary));
    copy_texts(run.environment, run.environment_count, environment, at);
    run.arguments = list;
    run.environment = environment;
    run.auxiliary = pairs;
    return Fault::none;
}

Fault place_memory(Run& run) noexcept {
    const Header& header = *run.view.header;
    const std::uint64_t first = header.specials[0].begin;
    const std::uint64_t now = auxiliary_value(run, AT_SYSINFO_EHDR) - (header.vdso - first);
    if (!move_specials(header, now, parking_address)) {
        return Fault::vdso;
    }
    if (!clear_memory()) {
        return Fault::memory;
    }
    if (!move_specials(header, parking_address, first)) {
        return Fault::vdso;
    }
    OpenFile opened;
    Fault fault = Fault::none;
    for (const MappingRecord& mapping : run.view.mappings) {
        fault = place(run, mapping, opened);
        if (fault != Fault::none) {
            break;
        }
    }
    opened.close();
    return fault;
}

}  // namespace pycds::snapshot::restore
