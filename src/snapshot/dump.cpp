// A process forks, and its child writes itself down: there all threads but one are gone, and the parent goes on as
// if nothing had happened.  The child does so within its first handler for forks.  A restored process comes back in the
// same place, so that the handlers of all libraries, and of the interpreter, follow: to them it is a child of a fork.

#include "dump.hpp"

#include "context.hpp"
#include "judge.hpp"
#include "outcome.hpp"
#include "plan.hpp"
#include "reseed.hpp"
#include "write.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pycds::snapshot {

namespace {

constexpr std::size_t scratch_size = std::size_t{128} << 20;
constexpr std::size_t attributes_size = 4 << 20;  // three short files of /proc; a user may be in 65,536 groups

// Memory that parent and child share and that is not part of the snapshot.
struct Scratch {
    Outcome outcome;
    std::byte arena[scratch_size - sizeof(Outcome)];
};

struct Dump {
    const Request* request;
    Scratch* scratch;
    Registers registers;
};

// Of the dump that is going on.  A restored process finds it as it was, and ends it.
Dump* current = nullptr;
const Arrival* arrived = nullptr;
std::string_view attributes_at_begin;

// The areas to be kept; the kernel's own are entered in the header.
List<Area> areas_to_keep(Header& header, Arena& arena) noexcept {
    List<Area> kept(arena);
    std::size_t specials = 0;
    for (const Area& area : memory_areas(arena)) {
        if (area.begin == reinterpret_cast<std::uint64_t>(current->scratch) || area.end > end_of_memory) {
            continue;
        }
        if (area.begin < restorer_end && area.end > restorer_begin) {
            refuse({"memory lies where the restorer would be (", area.path, ")", earlier});
        }
        if (!area.is_special()) {
            kept.push(area);
            continue;
        }
        if (specials == special_count) {
            refuse({"this kernel maps more areas of its own than are known; no snapshot can be made under it"});
        }
        header.specials[specials++] = {area.begin, area.end};
        if (area.path == "[vdso]") {
            header.vdso = area.begin;
            header.machine = machine_identity({reinterpret_cast<const char*>(area.begin), area.end - area.begin});
        }
    }
    return kept;
}

[[noreturn, gnu::noinline]] void write_down_and_end() noexcept {
    if (outcome->message[0] == '\0') {
        judge_output();
        Arena arena(current->scratch->arena, sizeof current->scratch->arena);
        Header header{};
        header.thread = thread_state();
        header.thread.registers = current->registers;
        header.layout = memory_layout(arena);
        const std::string_view auxiliary = read_whole("/proc/self/auxv", arena);
        const List<Area> areas = areas_to_keep(header, arena);
        const Plan plan = plan_mappings(areas, current->registers.rsp, arena);
        header.descriptor = judge_descriptors(plan);
        write_snapshot(header, plan, auxiliary, *current->request, arena);
    }
    ::_exit(0);
}

// The last handler before the fork.
void before_fork() noexcept {
    if (current != nullptr) {
        Arena arena(current->scratch->arena, sizeof current->scratch->arena);
        judge_process(attributes_at_begin, current->scratch, arena);
    }
}

// The first handler in the child.
void in_child() noexcept {
    if (current == nullptr) {
        return;
    }
    const Arrival* arrival = pycds_snapshot_context(&current->registers);
    if (arrival == nullptr) {
        write_down_and_end();
    }
    arrived = arrival;
    current = nullptr;
}

void wait_for(int child) noexcept {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (!outcome->written) {
        report({"the process that writes it was ended before it had done so"});
    }
}

}  // namespace

bool prepare() noexcept {
    if (!attributes_at_begin.empty()) {
        return true;
    }
    void* const memory = std::malloc(attributes_size);
    if (memory == nullptr || ::pthread_atfork(before_fork, nullptr, in_child) != 0) {
        std::free(memory);
        return false;
    }
    Arena arena(static_cast<std::byte*>(memory), attributes_size);
    attributes_at_begin = process_attributes(arena);
    return true;
}

Dumped dump(const Request& request, int (*fork)()) noexcept {
    if (attributes_at_begin.empty()) {
        return {nullptr, "no snapshot can be made: it was not prepared for"};
    }
    constexpr int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    void* const memory = ::mmap(nullptr, scratch_size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) {
        return {nullptr, "no snapshot can be made: there is no memory for it"};
    }
    auto* const scratch = static_cast<Scratch*>(memory);
    // What would be done once in each restored process is done before, since it writes all over the heap: libraries
    // make their generators ready, and freed pieces of memory are joined, which also leaves fewer pages to be written
    // down.  What the C library still holds of output is written, so that it is seen.
    const char* const unseeded = reseed_libraries();
    ::fflush(nullptr);
    ::malloc_trim(0);
    Dump going{&request, scratch, {}};
    outcome = &scratch->outcome;
    if (*unseeded != '\0') {
        report({unseeded});
    }
    current = &going;
    const int child = fork();
    if (child == 0) {  // restored: there is no scratch
        outcome = nullptr;
        ::environ = arrived->environment;
        return {arrived, reseed_libraries()};
    }
    current = nullptr;
    if (child > 0) {
        wait_for(child);
    }
    static Outcome last;
    last = *outcome;
    outcome = nullptr;
    ::munmap(memory, scratch_size);
    return {nullptr, last.message};
}

}  // namespace pycds::snapshot
