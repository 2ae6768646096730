#include "process.hpp"

#include "checksum.hpp"
#include "machine.hpp"
#include "outcome.hpp"
#include "words.hpp"

#include <algorithm>
#include <asm/prctl.h>
#include <csignal>
#include <cstdio>
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pycds::snapshot {

namespace {

// "7f00-7f01 r-xp 00001000 08:01 1234   /path"
Area area_of(std::string_view line) noexcept {
    Words words(line);
    const std::string_view range = words.next();
    const std::string_view permissions = words.next();
    Area area{};
    area.begin = number_of(range, 16);
    area.end = number_of(range.substr(range.find('-') + 1), 16);
    area.protection = static_cast<std::uint16_t>((permissions[0] == 'r' ? protection_read : 0) |
                                                 (permissions[1] == 'w' ? protection_write : 0) |
                                                 (permissions[2] == 'x' ? protection_execute : 0));
    area.shared = permissions[3] == 's';
    area.offset = number_of(words.next(), 16);
    (void)words.next();  // device
    area.inode = number_of(words.next(), 10);
    area.path = words.rest();
    return area;
}

// Lines of smaps about an area have a word with a colon in front; the one that begins an area has none there.
bool begins_area(std::string_view line) noexcept {
    const std::size_t blank = line.find(' ');
    return blank != std::string_view::npos && blank != 0 && line[blank - 1] != ':';
}

// The area for restartable sequences that glibc 2.35 and later registers.
void record_sequences(ThreadRecord& thread) noexcept {
    const auto* size = static_cast<const unsigned*>(::dlsym(RTLD_DEFAULT, "__rseq_size"));
    const auto* offset = static_cast<const std::ptrdiff_t*>(::dlsym(RTLD_DEFAULT, "__rseq_offset"));
    if (size != nullptr && offset != nullptr && *size != 0) {
        constexpr unsigned first_size = 32;  // registered, whatever part of it is in use
        thread.rseq = thread.thread_pointer + static_cast<std::uint64_t>(*offset);
        thread.rseq_size = std::max(*size, first_size);
        thread.rseq_signature = 0x53053053;  // RSEQ_SIG of glibc
    }
}

void record_signals(ThreadRecord& thread) noexcept {
    for (int i = 0; i < signal_count; ++i) {
        ::syscall(SYS_rt_sigaction, i + 1, nullptr, &thread.actions[i], 8);
    }
    ::syscall(SYS_rt_sigprocmask, 0, nullptr, &thread.signal_mask, 8);
    stack_t stack{};
    if (::sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE) == 0) {
        if (stack.ss_flags != 0) {
            refuse({"the signal stack is in use, or disarms itself", undo});
        }
        thread.signal_stack = reinterpret_cast<std::uint64_t>(stack.ss_sp);
        thread.signal_stack_size = stack.ss_size;
    }
}

bool is_attribute(std::string_view line) noexcept {
    static constexpr std::string_view names[] = {
        "Umask:", "Uid:", "Gid:", "Groups:", "SigBlk:", "Cap", "THP_", "Seccomp", "NoNewPrivs", "Cpus_allowed:"};
    return std::any_of(std::begin(names), std::end(names), [&](auto name) { return line.starts_with(name); });
}

// Without the two signals that are the C library's own (32 and 33): it ignores them in what posix_spawn() starts, until
// it needs them.
void add_ignored(std::string_view line, List<char>& attributes) noexcept {
    constexpr std::uint64_t internal = std::uint64_t{3} << 31;
    constexpr std::size_t name_size = 8;
    char text[32];
    const auto mask = static_cast<unsigned long long>(number_of(line.substr(name_size), 16) & ~internal);
    const int size = ::snprintf(text, sizeof text, "SigIgn:\t%016llx\n", mask);
    attributes.append(text, static_cast<std::size_t>(size));
}

// What the standard streams are: a program may close one, or put another in its place.
void add_streams(List<char>& attributes) noexcept {
    for (char name[] = "/proc/self/fd/0"; name[14] <= '2'; ++name[14]) {
        char text[300] = "\nStream 0: ";
        constexpr std::size_t begin = 11;
        text[8] = name[14];
        const ssize_t size = ::readlink(name, text + begin, sizeof text - begin);
        attributes.append(text, begin + static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
}

// What the kernel tells by calls.
void add_numbers(List<char>& attributes) noexcept {
    int death_signal = 0;
    int reaper = 0;
    ::prctl(PR_GET_PDEATHSIG, &death_signal);
    ::prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    char text[320];
    const int size = ::snprintf(text, sizeof text,
                                "\nPriority: %d\nScheduling: %d\nSession: %d\nProcess group: %d\n"
                                "Death signal: %d\nReaper: %d\nDumpable: %d\nTimer slack: %d\nOOM score: ",
                                ::getpriority(PRIO_PROCESS, 0), ::sched_getscheduler(0), static_cast<int>(::getsid(0)),
                                static_cast<int>(::getpgrp()), death_signal, reaper, ::prctl(PR_GET_DUMPABLE),
                                ::prctl(PR_GET_TIMERSLACK));
    attributes.append(text, static_cast<std::size_t>(size));
}

}  // namespace

bool Area::has_flag(std::string_view flag) const noexcept {
    for (std::size_t at = 0; at + 2 <= flags.size(); at += 3) {
        if (flags.substr(at, 2) == flag) {
            return true;
        }
    }
    return false;
}

std::string_view read_whole(const char* path, Arena& arena) noexcept {
    constexpr std::size_t piece = 16 << 10;
    List<char> text(arena);
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got = 1; got > 0;) {
        const std::size_t size = text.size();
        text.resize(size + piece);
        got = ::read(file, text.begin() + size, piece);
        text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }
    ::close(file);
    return view_of(text);
}

List<Area> memory_areas(Arena& arena) noexcept {
    List<Area> areas(arena);
    for (std::string_view smaps = read_whole("/proc/self/smaps", arena); !smaps.empty();) {
        const std::string_view line = take_line(smaps);
        Words words(line);
        if (begins_area(line)) {
            areas.push(area_of(line));
        } else if (const std::string_view name = words.next(); name == "VmFlags:") {
            areas.back().flags = words.rest();
        } else if (name == "ProtectionKey:") {
            areas.back().has_protection_key = words.rest() != "0";
        }
    }
    return areas;
}

ThreadRecord thread_state() noexcept {
    ThreadRecord thread{};
    ::syscall(SYS_arch_prctl, ARCH_GET_FS, &thread.thread_pointer);
    if (::prctl(PR_GET_TID_ADDRESS, &thread.thread_id_address) != 0) {
        refuse_with_error("PR_GET_TID_ADDRESS");
    }
    ::syscall(SYS_get_robust_list, 0, &thread.robust_list, &thread.robust_list_size);
    ::prctl(PR_GET_NAME, thread.name);
    record_sequences(thread);
    record_signals(thread);
    return thread;
}

// Fields of /proc/self/stat, numbered as in proc(5).
LayoutRecord memory_layout(Arena& arena) noexcept {
    const std::string_view text = read_whole("/proc/self/stat", arena);
    Words words(text.substr(text.rfind(')') + 1));
    std::uint64_t fields[52] = {};
    for (int i = 3; i < 52; ++i) {
        fields[i] = number_of(words.next(), 10);
    }
    LayoutRecord layout{};
    layout.code_begin = fields[26];
    layout.code_end = fields[27];
    layout.stack = fields[28];
    layout.data_begin = fields[45];
    layout.data_end = fields[46];
    layout.break_begin = fields[47];
    layout.break_end = static_cast<std::uint64_t>(::syscall(SYS_brk, 0));
    return layout;
}

MachineRecord machine_identity(std::string_view vdso) noexcept {
    MachineRecord machine{};
    SystemName name{};
    ::syscall(SYS_uname, &name);
    machine.kernel = kernel_checksum(name);
    machine.processor = processor_checksum();
    machine.vdso = checksum(vdso.data(), vdso.size());
    ProcessorSet set{};
    ::syscall(SYS_sched_getaffinity, 0, sizeof set, &set);
    machine.affinity = checksum(&set, sizeof set);
    Limits limits{};
    for (int i = 0; i < 16; ++i) {
        ::syscall(SYS_prlimit64, 0, i, nullptr, &limits.all[i]);
    }
    machine.limits = checksum(&limits, sizeof limits);
    machine.user = ::getuid();
    machine.group = ::getgid();
    return machine;
}

std::string_view process_attributes(Arena& arena) noexcept {
    List<char> attributes(arena);
    const auto add = [&](std::string_view text) { attributes.append(text.data(), text.size()); };
    for (std::string_view status = read_whole("/proc/self/status", arena); !status.empty();) {
        const std::string_view line = take_line(status);
        if (line.starts_with("SigIgn:")) {
            add_ignored(line, attributes);
        } else if (is_attribute(line)) {
            add(line);
            add("\n");
        }
    }
    add(read_whole("/proc/self/limits", arena));
    char text[4096] = "Directory: ";
    constexpr std::size_t begin = 11;
    const ssize_t size = ::readlink("/proc/self/cwd", text + begin, sizeof text - begin);
    add({text, begin + static_cast<std::size_t>(std::max<ssize_t>(size, 0))});
    add_streams(attributes);
    add_numbers(attributes);
    add(read_whole("/proc/self/oom_score_adj", arena));
    return view_of(attributes);
}

}  // namespace pycds::snapshot
