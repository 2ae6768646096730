#pragma once

// What must be the same where a snapshot is made and where it is restored.  Compiled into the module and into the
// restorer: no libc.

#include "checksum.hpp"

#include <cpuid.h>
#include <cstdint>
#include <initializer_list>

namespace pycds::snapshot {

// As the system call uname fills it.
struct SystemName {
    char system[65], host[65], release[65], version[65], machine[65], domain[65];
};

[[nodiscard]] inline std::uint64_t kernel_checksum(const SystemName& name) noexcept {
    SystemName kernel = name;
    for (char* text : {kernel.host, kernel.domain}) {
        for (std::size_t i = 0; i < sizeof kernel.host; ++i) {
            text[i] = '\0';
        }
    }
    return checksum(&kernel, sizeof kernel);
}

// Libraries choose their functions by these once, when they are loaded.
[[nodiscard]] inline std::uint64_t processor_checksum() noexcept {
    struct Leaf {
        unsigned a, b, c, d;
    };
    constexpr unsigned osxsave = 1U << 27;  // whether the next instruction exists
    Leaf leaves[7] = {};
    __cpuid(0, leaves[0].a, leaves[0].b, leaves[0].c, leaves[0].d);
    __cpuid(1, leaves[1].a, leaves[1].b, leaves[1].c, leaves[1].d);
    leaves[1].b = 0;  // differs from processor to processor
    if (leaves[0].a >= 7) {
        __cpuid_count(7, 0, leaves[2].a, leaves[2].b, leaves[2].c, leaves[2].d);
    }
    if (leaves[2].a >= 1) {
        __cpuid_count(7, 1, leaves[4].a, leaves[4].b, leaves[4].c, leaves[4].d);
    }
    if (leaves[0].a >= 13) {  // how registers are saved; the rest of it are sizes
        Leaf saving{};
        __cpuid_count(13, 1, saving.a, saving.b, saving.c, saving.d);
        leaves[5].a = saving.a;
    }
    __cpuid(0x80000001, leaves[6].a, leaves[6].b, leaves[6].c, leaves[6].d);
    if ((leaves[1].c & osxsave) != 0) {  // which registers the system saves
        __asm__ volatile("xgetbv" : "=a"(leaves[3].a), "=d"(leaves[3].d) : "c"(0));
    }
    return checksum(leaves, sizeof leaves);
}

// What prlimit says of each resource: the limit in force, and how far it may be raised.
struct Limits {
    struct Limit {
        std::uint64_t current, most;
    };
    Limit all[16];
};

// A set of processors, as sched_getaffinity gives it: 1024 of them are enough for comparison.
struct ProcessorSet {
    std::uint64_t words[16];
};

}  // namespace pycds::snapshot
