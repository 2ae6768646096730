#include "run.hpp"
#include "system.hpp"

#include <linux/prctl.h>

namespace pycds::snapshot::restore {

namespace {

// struct prctl_mm_map of the kernel.

struct KernelLayout {
    std::uint64_t code_begin, code_end, data_begin, data_end, break_begin, break_end, stack;
    std::uint64_t arguments_begin, arguments_end, environment_begin, environment_end;
    const std::uint64_t* auxiliary;
    std::uint32_t auxiliary_size;
    std::uint32_t executable;
};
static_assert(sizeof(KernelLayout) == 104);

// Where the texts of a list begin and end: they lie one behind the other.
std::uint64_t begin_of(char** texts, std::uint64_t otherwise) noexcept {
    return texts[0] != nullptr ? reinterpret_cast<std::uint64_t>(texts[0]) : otherwise;
}

std::uint64_t end_of(char** texts, std::size_t count, std::uint64_t otherwise) noexcept {
    return count != 0 ? reinterpret_cast<std::uint64_t>(texts[count - 1]) + length(texts[count - 1]) + 1 : otherwise;
}

Fault set_layout(const Run& run) noexcept {
    const LayoutRecord& recorded = run.view.header->layout;
    const auto arguments = static_cast<std::size_t>(run.argument_count);
    const std::uint64_t arguments_end = end_of(run.arguments, arguments, arguments_address);
    KernelLayout layout{};
    layout.code_begin = recorded.code_begin;
    layout.code_end = recorded.code_end;
    layout.data_begin = recorded.data_begin;
    layout.data_end = recorded.data_end;
    layout.break_begin = recorded.break_begin;
    layout.break_end = recorded.break_end;
    layout.stack = recorded.stack;
    layout.arguments_begin = begin_of(run.arguments + run.first, arguments_end);
    layout.arguments_end = arguments_end;
    layout.environment_begin = begin_of(run.environment, arguments_end);
    layout.environment_end = end_of(run.environment, run.environment_count, arguments_end);
    layout.auxiliary = run.view.auxiliary.first;
    layout.auxiliary_size = static_cast<std::uint32_t>(run.view.auxiliary.count * sizeof(std::uint64_t));
    layout.executable = ~std::uint32_t{0};
    const long set = call(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, &layout, sizeof layout, 0);
    return set == 0 ? Fault::none : Fault::layout;
}

// What the kernel writes there when it takes the area.
struct RestartableSequence {
    std::uint32_t processor_at_begin, processor;
    std::uint64_t section;
    std::uint32_t flags;
};

Fault set_rseq(const ThreadRecord& thread) noexcept {
    if (thread.rseq == 0) {
        return Fault::none;
    }
    auto* area = reinterpret_cast<RestartableSequence*>(thread.rseq);
    constexpr std::uint32_t uninitialised = ~std::uint32_t{0};
    area->processor_at_begin = 0;
    area->processor = uninitialised;
    area->section = 0;
    area->flags = 0;
    return call(__NR_rseq, thread.rseq, thread.rseq_size, 0, thread.rseq_signature) == 0 ? Fault::none : Fault::thread;
}

Fault set_thread(const ThreadRecord& thread) noexcept {
    constexpr int set_fs = 0x1002;  // ARCH_SET_FS
    const long id = call(__NR_set_tid_address, thread.thread_id_address);
    *reinterpret_cast<std::int32_t*>(thread.thread_id_address) = static_cast<std::int32_t>(id);
    if (call(__NR_prctl, PR_SET_NAME, thread.name) != 0 || call(__NR_arch_prctl, set_fs, thread.thread_pointer) != 0 ||
        (thread.robust_list != 0 && call(__NR_set_robust_list, thread.robust_list, thread.robust_list_size) != 0)) {
        return Fault::thread;
    }
    return set_rseq(thread);
}

struct SignalStack {
    std::uint64_t address;
    std::int32_t flags, padding;
    std::uint64_t size;
};

// The last step, which cannot fail any more than it did when it was recorded.  An ignored signal was ignored then, too.
void set_signals(const ThreadRecord& thread) noexcept {
    for (int number = 1; number <= signal_count; ++number) {
        const SignalAction& action = thread.actions[number - 1];
        if (action.handler != 0) {
            call(__NR_rt_sigaction, number, &action, nullptr, 8);
        }
    }
    if (thread.signal_stack != 0) {
        const SignalStack stack = {thread.signal_stack, 0, 0, thread.signal_stack_size};
        call(__NR_sigaltstack, &stack, nullptr);
    }
}

// To its number, which nobody has.
void move(long opened, const DescriptorRecord& descriptor) noexcept {
    const bool is_closed_on_exec = (descriptor.flags & descriptor_closed_on_exec) != 0;
    if (opened == descriptor.number) {
        call(__NR_fcntl, opened, F_SETFD, is_closed_on_exec ? FD_CLOEXEC : 0);
        return;
    }
    call(__NR_dup3, opened, descriptor.number, is_closed_on_exec ? O_CLOEXEC : 0);
    call(__NR_close, opened);
}

}  // namespace

extern "C" [[noreturn]] void pycds_jump(const Registers* registers, Arrival* arrival);

Fault resume(Run& run) noexcept {
    const DescriptorRecord& descriptor = run.view.header->descriptor;
    const long kept = descriptor.number != 0 ? open_as_recorded(run, descriptor.file) : -1;
    if (descriptor.number != 0 && kept < 0) {
        return Fault::file_changed;
    }
    Fault fault = set_layout(run);
    if (fault == Fault::none) {
        fault = set_thread(run.view.header->thread);
    }
    if (fault != Fault::none) {
        return fault;
    }
    set_signals(run.view.header->thread);
    call(__NR_close, run.snapshot);
    call(__NR_close, run.directory);
    if (kept >= 0) {
        move(kept, descriptor);
    }
    auto* arrival = reinterpret_cast<Arrival*>(arguments_address);
    *arrival = {run.argument_count - run.first, run.arguments + run.first, run.environment};
    char*& called_as = arrival->arguments[0];
    called_as = run.plain.count != 0 ? run.plain[run.plain.count - 1] : called_as + length(called_as);
    static Registers registers;
    registers = run.view.header->thread.registers;
    call(__NR_munmap, tables_address, run.view.header->payload);
    pycds_jump(&registers, arrival);
}

}  // namespace pycds::snapshot::restore

// context.cpp is its counterpart.
asm(R"(
    .text
    .globl pycds_jump
pycds_jump:
    ldmxcsr 64(%rdi)
    fldcw 68(%rdi)
    movq 0(%rdi), %rbx
    movq 8(%rdi), %rbp
    movq 16(%rdi), %r12
    movq 24(%rdi), %r13
    movq 32(%rdi), %r14
    movq 40(%rdi), %r15
    movq 48(%rdi), %rsp
    movq %rsi, %rax
    jmpq *56(%rdi)
)");
