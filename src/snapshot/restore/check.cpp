#include "../machine.hpp"
#include "run.hpp"
#include "stamp.hpp"
#include "system.hpp"

#include <linux/auxvec.h>

namespace pycds::snapshot::restore {

namespace {

Fault check_user(Run& run) noexcept {
    const MachineRecord& machine = run.view.header->machine;
    const bool same = call(__NR_getuid) == machine.user && call(__NR_geteuid) == machine.user &&
                      call(__NR_getgid) == machine.group && call(__NR_getegid) == machine.group;
    return same ? Fault::none : Fault::user;
}

Fault check_machine(Run& run) noexcept {
    const MachineRecord& machine = run.view.header->machine;
    SystemName name{};
    if (call(__NR_uname, &name) != 0 || kernel_checksum(name) != machine.kernel) {
        return Fault::kernel;
    }
    const char* host = run.view.text(machine.host);
    if (*host != '\0' && compare(host, name.host) != 0) {
        return Fault::host;
    }
    if (processor_checksum() != machine.processor) {
        return Fault::processor;
    }
    ProcessorSet set{};
    if (call(__NR_sched_getaffinity, 0, sizeof set, &set) < 0 || checksum(&set, sizeof set) != machine.affinity) {
        return Fault::affinity;
    }
    return Fault::none;
}

bool is_mapped(std::uint64_t address, std::uint64_t size) noexcept {
    static unsigned char resident[16];  // a byte for each page
    return size <= sizeof resident * page_size && call(__NR_mincore, address, size, resident) == 0;
}

// The kernel is the same one, and so should be the vdso: as large as it was.
Fault check_vdso(Run& run) noexcept {
    const Header& header = *run.view.header;
    const std::uint64_t vdso = auxiliary_value(run, AT_SYSINFO_EHDR);
    for (const SpecialRecord& special : header.specials) {
        if (vdso != 0 && special.begin == header.vdso && special.end != 0) {
            const std::uint64_t size = special.end - special.begin;
            const bool same =
                is_mapped(vdso, size) && checksum(reinterpret_cast<const void*>(vdso), size) == header.machine.vdso;
            return same ? Fault::none : Fault::vdso;
        }
    }
    return Fault::vdso;
}

bool is_terminal(int number) noexcept {
    constexpr long get_attributes = 0x5401;  // TCGETS
    static char attributes[256];
    return call(__NR_ioctl, number, get_attributes, attributes) == 0;
}

Fault check_streams(Run& run) noexcept {
    for (int number = 0; number < 3; ++number) {
        struct stat status{};
        if (call(__NR_fstat, number, &status) == 0 && (status.st_mode & kind_bits) == directory_kind) {
            return Fault::streams;  // Python does not start with it
        }
        if (run.view.header->machine.terminals == terminals_none && is_terminal(number)) {
            return Fault::streams;
        }
    }
    return Fault::none;
}

// The restorer's own are closed before that one is put in its place.
Fault check_descriptor(Run& run) noexcept {
    const long number = run.view.header->descriptor.number;
    const bool is_taken =
        number != 0 && number != run.snapshot && number != run.directory && call(__NR_fcntl, number, F_GETFD) >= 0;
    return is_taken ? Fault::descriptors : Fault::none;
}

Fault check_directory(Run& run) noexcept {
    static char directory[4096];
    const char* asked_for = run.view.text(run.view.header->machine.directory);
    if (*asked_for == '\0') {
        return Fault::none;
    }
    const long size = call(__NR_getcwd, directory, sizeof directory);
    return size > 0 && compare(directory, asked_for) == 0 ? Fault::none : Fault::directory;
}

Fault check_limits(Run& run) noexcept {
    constexpr int stack_limit = 3;  // RLIMIT_STACK
    Limits limits{};
    for (int i = 0; i < 16; ++i) {
        call(__NR_prlimit64, 0, i, nullptr, &limits.all[i]);
    }
    for (const MappingRecord& mapping : run.view.mappings) {
        if (mapping.room > limits.all[stack_limit].current) {
            return Fault::limits;
        }
    }
    return checksum(&limits, sizeof limits) == run.view.header->machine.limits ? Fault::none : Fault::limits;
}

// Python ignores the first two itself; the other two are the C library's own, which posix_spawn() ignores in a child.
bool says_nothing(int number) noexcept {
    constexpr int pipe = 13;
    constexpr int file_size = 25;
    return number == pipe || number == file_size || number == 32 || number == 33;
}

// An ignored signal stays ignored in what is executed, and Python looks at that when it starts.
Fault check_signals(Run& run) noexcept {
    const ThreadRecord& thread = run.view.header->thread;
    for (int number = 1; number <= signal_count; ++number) {
        SignalAction now{};
        if (says_nothing(number) || call(__NR_rt_sigaction, number, nullptr, &now, 8) != 0) {
            continue;
        }
        if ((now.handler == 1) != (thread.actions[number - 1].handler == 1)) {
            return Fault::signals;
        }
    }
    std::uint64_t mask = 0;
    call(__NR_rt_sigprocmask, 0, nullptr, &mask, 8);
    return mask == thread.signal_mask ? Fault::none : Fault::signals;
}

// Whether a "NAME=VALUE" is of this name, or begins as one with an asterisk says.
bool is_of(const char* variable, const char* name) noexcept {
    while (*name != '\0' && *name != '*' && *name == *variable) {
        ++name;
        ++variable;
    }
    return *name == '*' || (*name == '\0' && *variable == '=');
}

bool is_free(const View& view, const char* variable) noexcept {
    for (const TextOffset name : view.free_names) {
        if (is_of(variable, view.text(name))) {
            return true;
        }
    }
    return false;
}

// Its place in the table; -1 where it is not there.
std::int64_t find(const View& view, const char* variable) noexcept {
    std::size_t low = 0;
    std::size_t high = view.environment.count;
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        const int order = compare(view.text(view.environment[middle]), variable);
        if (order == 0) {
            return static_cast<std::int64_t>(middle);
        }
        (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
    }
    return -1;
}

// Every variable that is not free must be there, once, with its value, and no other.
Fault check_environment(Run& run) noexcept {
    const View& view = run.view;
    if (!reserve(parking_address, view.environment.count + page_size)) {
        return Fault::memory;
    }
    auto* seen = reinterpret_cast<bool*>(parking_address);
    for (std::size_t i = 0; i < run.environment_count; ++i) {
        if (is_free(view, run.environment[i])) {
            continue;
        }
        const std::int64_t place = find(view, run.environment[i]);
        if (place < 0 || seen[place]) {
            run.detail = run.environment[i];
            return Fault::environment;
        }
        seen[place] = true;
    }
    for (std::size_t i = 0; i < view.environment.count; ++i) {
        if (!seen[i]) {
            run.detail = view.text(view.environment[i]);
            return Fault::environment;
        }
    }
    call(__NR_munmap, parking_address, view.environment.count + page_size);
    return Fault::none;
}

Fault compare_files(Run& run, std::size_t first, std::size_t end) noexcept {
    const View& view = run.view;
    for (std::size_t i = first; i < end; ++i) {
        struct stat status{};
        const bool there =
            call(__NR_newfstatat, static_cast<long>(AT_FDCWD), view.text(view.files[i].path), &status, 0) == 0;
        if (there ? !is_as_recorded(view.files[i], stamp_of(status)) : view.files[i].mode != 0) {
            run.detail = view.text(view.files[i].path);
            return Fault::file_changed;
        }
    }
    return Fault::none;
}

// Those that are mapped are compared when they are opened.
Fault check_files(Run& run) noexcept { return compare_files(run, run.view.header->mapped_files, run.view.files.count); }

// Not from a list: a list of addresses would be data, which takes a page of the restorer's file.
template <typename... Checks>
Fault first_fault(Run& run, Checks... checks) noexcept {
    Fault fault = Fault::none;
    (void)((((fault = checks(run)) == Fault::none)) && ...);
    return fault;
}

}  // namespace

Fault check_content(Run& run) noexcept {
    const Header& header = *run.view.header;
    const std::uint64_t size = header.file_size - header.payload;
    const long pages = call(__NR_mmap, 0, size, 1, MAP_PRIVATE, run.snapshot, header.payload);  // PROT_READ
    if (pages < 0) {
        return Fault::memory;
    }
    if (checksum(reinterpret_cast<const void*>(pages), size) != header.payload_checksum) {
        return Fault::payload;
    }
    return compare_files(run, 0, header.mapped_files);
}

Fault check_surroundings(Run& run) noexcept {
    return first_fault(run, check_user, check_machine, check_vdso, check_limits, check_signals, check_streams,
                       check_descriptor, check_directory, check_environment, check_files);
}

}  // namespace pycds::snapshot::restore
