// The restorer: makes a process of a snapshot.  A static program of a few kilobytes without libc or C++ runtime, linked
// at an address where nothing of the process to be made can lie, so that it stays whole until the last jump:
//
//   restorer SNAPSHOT [ARGUMENTS...]
//   restorer --check SNAPSHOT
//   restorer --else COUNT WORDS... SNAPSHOT [ARGUMENTS...]
//   restorer --script SCRIPT [ARGUMENTS...]
//
// The third runs the COUNT words (and the arguments) where there is nothing to be restored; the fourth is what the
// kernel makes of a script whose first line is "#!RESTORER --script": words.cpp.

#include "run.hpp"
#include "system.hpp"

#include <linux/auxvec.h>

// The restorer's own, since the one that the kernel gave must go.
extern "C" {
alignas(16) char pycds_restorer_stack[64 << 10];
}

// The compiler calls these for copies and clears.
extern "C" void* memcpy(void* to, const void* from, std::size_t size) {
    void* result = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return result;
}

extern "C" void* memset(void* to, int byte, std::size_t size) {
    void* result = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return result;
}

namespace pycds::snapshot::restore {

namespace {

// What lies on the stack of a new process: the number of arguments, then three lists, each with a null behind it.
Run run_of(long* initial) noexcept {
    Run run{};
    run.snapshot = run.directory = -1;
    run.argument_count = initial[0];
    run.arguments = reinterpret_cast<char**>(initial + 1);
    run.environment = run.arguments + run.argument_count + 1;
    while (run.environment[run.environment_count] != nullptr) {
        ++run.environment_count;
    }
    run.auxiliary = reinterpret_cast<const std::uint64_t*>(run.environment + run.environment_count + 1);
    return run;
}

}  // namespace

std::uint64_t auxiliary_value(const Run& run, std::uint64_t key) noexcept {
    for (const std::uint64_t* pair = run.auxiliary; pair[0] != 0; pair += 2) {
        if (pair[0] == key) {
            return pair[1];
        }
    }
    return 0;
}

extern "C" [[noreturn, gnu::used]] void pycds_restore(long* initial) {
    Run run = run_of(initial);
    if (auxiliary_value(run, AT_SECURE) != 0) {
        refuse_rights();
    }
    Fault fault = keep_arguments(run);
    take_apart(run);
    if (fault == Fault::none) {
        fault = open_snapshot(run);
    }
    if (fault == Fault::none) {
        fault = check_surroundings(run);
    }
    if (run.only_checks) {
        tell(run, fault == Fault::none ? check_content(run) : fault);
    }
    if (fault == Fault::none) {
        fault = place_memory(run);
    }
    if (fault == Fault::none) {
        fault = resume(run);
    }
    run_plainly(run, fault);
}

}  // namespace pycds::snapshot::restore

asm(R"(
    .text
    .globl _start
_start:
    movq %rsp, %rdi
    leaq pycds_restorer_stack+65536(%rip), %rsp
    xorl %ebp, %ebp
    call pycds_restore
    hlt
)");
