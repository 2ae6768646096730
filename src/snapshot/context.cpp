#include "context.hpp"

#include <cstddef>

namespace pycds::snapshot {

static_assert(offsetof(Registers, rsp) == 48 && offsetof(Registers, rip) == 56 && offsetof(Registers, mxcsr) == 64 &&
              offsetof(Registers, x87_control) == 68);

// restore/resume.cpp is its counterpart.
asm(R"(
    .text
    .globl pycds_snapshot_context
    .hidden pycds_snapshot_context
    .type pycds_snapshot_context, @function
pycds_snapshot_context:
    movq %rbx, 0(%rdi)
    movq %rbp, 8(%rdi)
    movq %r12, 16(%rdi)
    movq %r13, 24(%rdi)
    movq %r14, 32(%rdi)
    movq %r15, 40(%rdi)
    leaq 8(%rsp), %rax
    movq %rax, 48(%rdi)
    movq (%rsp), %rax
    movq %rax, 56(%rdi)
    stmxcsr 64(%rdi)
    fnstcw 68(%rdi)
    xorl %eax, %eax
    ret
    .size pycds_snapshot_context, . - pycds_snapshot_context
)");

}  // namespace pycds::snapshot
