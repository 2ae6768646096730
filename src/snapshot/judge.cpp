#include "judge.hpp"

#include "outcome.hpp"
#include "stamp.hpp"
#include "words.hpp"

#include <asm/prctl.h>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pycds::snapshot {

namespace {

// What cannot be looked at may be anything.
bool cannot_tell(const char* path) noexcept {
    return report({path, " cannot be read, so it is unknown what the process is doing; is /proc mounted?"});
}

// Calls `see` with each name in a directory of /proc until it says false.  False where there is none.
template <typename See>
bool for_each_name(const char* path, See&& see) noexcept {
    DIR* const directory = ::opendir(path);
    if (directory == nullptr) {
        return cannot_tell(path);
    }
    const int descriptor = ::dirfd(directory);
    errno = 0;
    const dirent* item = ::readdir(directory);
    while (item != nullptr && (item->d_name[0] == '.' || see(descriptor, item->d_name))) {
        item = ::readdir(directory);
    }
    const bool ended = item != nullptr || errno == 0;
    ::closedir(directory);
    return ended || cannot_tell(path);
}

std::uint64_t own_thread() noexcept { return static_cast<std::uint64_t>(::syscall(SYS_gettid)); }

// A thread other than this one; 0: there is none.  False where that cannot be told.
bool find_another_thread(std::uint64_t& found) noexcept {
    found = 0;
    return for_each_name("/proc/self/task", [&](int, const char* name) {
        const std::uint64_t number = number_of(name, 10);
        found = number == own_thread() ? 0 : number;
        return found == 0;
    });
}

bool judge_threads(Arena& arena) noexcept {
    if (own_thread() != static_cast<std::uint64_t>(::getpid())) {
        return report({"the checkpoint must be in the main thread; call pycds.checkpoint() there"});
    }
    constexpr int patience = 50;  // milliseconds: one that has been joined may not be gone yet
    std::uint64_t other = 0;
    bool known = find_another_thread(other);
    for (int waited = 0; known && other != 0 && waited < patience; ++waited) {
        ::usleep(1000);
        known = find_another_thread(other);
    }
    if (!known || other == 0) {
        return known;
    }
    char path[64];
    ::snprintf(path, sizeof path, "/proc/self/task/%d/comm", static_cast<int>(other));
    std::string_view name = read_whole(path, arena);
    return report({"threads are running that libraries do not stop for a fork (", take_line(name), ")", undo});
}

bool judge_children() noexcept {
    siginfo_t info{};
    const bool none = ::waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) != 0;
    return (none && errno == ECHILD) || report({"the program has child processes", undo});
}

bool judge_timers(Arena& arena) noexcept {
    for (const __itimer_which_t which : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
        itimerval timer{};
        if (::getitimer(which, &timer) == 0 && (timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0)) {
            return report({"an interval timer is running", undo});
        }
    }
    constexpr const char* timers = "/proc/self/timers";  // a kernel may be without
    if (::access(timers, R_OK) != 0) {
        return cannot_tell(timers);
    }
    return read_whole(timers, arena).empty() || report({"a POSIX timer exists", undo});
}

// What the processor holds for the process and is lost when another program is executed.
bool judge_processor() noexcept {
    constexpr int get_permissions = 0x1022;  // ARCH_GET_XCOMP_PERM
    constexpr std::uint64_t tiles = std::uint64_t{1} << 18;
    std::uint64_t base = 0;
    std::uint64_t permitted = 0;
    if (::syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base != 0) {
        return report({"the program uses the register GS", earlier});
    }
    if (::syscall(SYS_arch_prctl, get_permissions, &permitted) == 0 && (permitted & tiles) != 0) {
        return report({"the program has asked for the processor's matrix registers (AMX)", earlier});
    }
    return true;
}

bool judge_attributes(std::string_view before, Arena& arena) noexcept {
    std::string_view now = process_attributes(arena);
    if (now.size() < 1000) {  // without the files of /proc
        return cannot_tell("/proc/self/status");
    }
    while (!now.empty()) {
        const std::string_view line = take_line(now);
        if (take_line(before) != line) {
            return report(
                {"the program has changed an attribute of its process before the checkpoint (", line, ")", undo});
        }
    }
    return true;
}

// What the area is that cannot be kept; empty: it can.
std::string_view obstacle(const Area& area) noexcept {
    struct Kind {
        const char* flag;
        const char* what;
    };
    static constexpr Kind kinds[] = {
        {"io", "memory of a device"}, {"pf", "memory of a device"},          {"lo", "locked memory"},
        {"ht", "a huge page"},        {"dc", "memory that forks leave out"}, {"ss", "a shadow stack"},
        {"um", "userfaultfd memory"}, {"uw", "userfaultfd memory"},          {"ui", "userfaultfd memory"},
    };
    for (const Kind& kind : kinds) {
        if (area.has_flag(kind.flag)) {
            return kind.what;
        }
    }
    if (area.has_flag("gd") && area.path != "[stack]") {
        return "memory that grows like a stack";
    }
    // "mw": it may be made writable later.
    if (area.shared && ((area.protection & protection_write) != 0 || area.has_flag("mw") || !area.is_file())) {
        return "shared memory";
    }
    if (area.path.ends_with(" (deleted)")) {
        return "a deleted file";
    }
    return area.has_protection_key ? "memory with a protection key" : "";
}

bool judge_areas(const void* scratch, Arena& arena) noexcept {
    for (const Area& area : memory_areas(arena)) {
        if (area.is_special() || area.begin == reinterpret_cast<std::uint64_t>(scratch)) {
            continue;
        }
        const std::string_view what = obstacle(area);
        if (!what.empty()) {
            return report({what, " is mapped (", area.path, ")", undo});
        }
    }
    return true;
}

// Whether it is open for reading alone, nothing has been read, and the file is mapped.
bool is_of_a_mapped_file(int number, const Plan& plan, DescriptorRecord& record) noexcept {
    struct stat status{};
    if ((::fcntl(number, F_GETFL) & O_ACCMODE) != O_RDONLY || number > UINT16_MAX || ::fstat(number, &status) != 0 ||
        !S_ISREG(status.st_mode) || ::lseek(number, 0, SEEK_CUR) != 0) {
        return false;
    }
    for (std::size_t i = 0; i < plan.files.size(); ++i) {
        if (is_as_recorded(plan.files[i], stamp_of(status))) {
            const bool is_closed_on_exec = (::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0;
            record.number = static_cast<std::uint16_t>(number);
            record.flags = is_closed_on_exec ? std::uint16_t{descriptor_closed_on_exec} : std::uint16_t{0};
            record.file = static_cast<std::uint32_t>(i);
            return true;
        }
    }
    return false;
}

}  // namespace

void judge_process(std::string_view attributes_at_begin, const void* scratch, Arena& arena) noexcept {
    (void)(judge_threads(arena) && judge_children() && judge_timers(arena) && judge_processor() &&
           judge_attributes(attributes_at_begin, arena) && judge_areas(scratch, arena));
}

void judge_output() noexcept {
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
        char text[300];
        const ssize_t size = ::pread(stream, text, sizeof text, 0);
        if (size > 0) {
            std::string_view told(text, static_cast<std::size_t>(size));
            refuse({"the program prints before the checkpoint (", take_line(told), ")", earlier});
        }
    }
}

DescriptorRecord judge_descriptors(const Plan& plan) noexcept {
    DescriptorRecord kept{};
    const bool known = for_each_name("/proc/self/fd", [&](int directory, const char* name) {
        const std::uint64_t number = number_of(name, 10);
        char target[1024];
        if (number > STDERR_FILENO && number != static_cast<std::uint64_t>(directory) &&
            (kept.number != 0 || !is_of_a_mapped_file(static_cast<int>(number), plan, kept))) {
            const ssize_t size = ::readlinkat(directory, name, target, sizeof target);
            refuse({"descriptor ",
                    name,
                    " is open (",
                    {target, size > 0 ? static_cast<std::size_t>(size) : 0},
                    ")",
                    undo});
        }
        return true;
    });
    if (!known) {
        ::_exit(0);  // it has been said why
    }
    return kept;
}

}  // namespace pycds::snapshot
