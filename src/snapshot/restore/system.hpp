#pragma once

// System calls without libc.  Each gives what the kernel gives: a negative errno after a failure.

#include <asm/errno.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <cstddef>
#include <cstdint>
#include <linux/fcntl.h>
#include <linux/mman.h>

namespace pycds::snapshot::restore {

inline long system_call(long number, long a, long b, long c, long d, long e, long f) noexcept {
    long result = number;
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

template <typename Value>
long word(Value value) noexcept {
    if constexpr (sizeof(Value) == sizeof(long)) {
        return __builtin_bit_cast(long, value);
    } else {
        return static_cast<long>(value);
    }
}

template <typename... Arguments>
long call(long number, Arguments... arguments) noexcept {
    static_assert(sizeof...(Arguments) <= 6);
    const long words[7] = {word(arguments)...};
    return system_call(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

constexpr int read_write = 3;  // PROT_READ | PROT_WRITE

// Memory of the restorer's own at a fixed address; false where there is none.
inline bool reserve(std::uint64_t address, std::uint64_t size) noexcept {
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    return call(__NR_mmap, address, size, read_write, flags, -1L, 0L) == static_cast<long>(address);
}

inline bool read_at(long descriptor, std::uint64_t address, std::uint64_t size, std::uint64_t offset) noexcept {
    while (size > 0) {
        const long got = call(__NR_pread64, descriptor, address, size, offset);
        if (got == -EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        address += static_cast<std::uint64_t>(got);
        offset += static_cast<std::uint64_t>(got);
        size -= static_cast<std::uint64_t>(got);
    }
    return true;
}

// As strcmp.
inline int compare(const char* left, const char* right) noexcept {
    while (*left != '\0' && *left == *right) {
        ++left;
        ++right;
    }
    return static_cast<unsigned char>(*left) - static_cast<unsigned char>(*right);
}

inline bool begins_with(const char* text, const char* start) noexcept {
    while (*start != '\0' && *start == *text) {
        ++start;
        ++text;
    }
    return *start == '\0';
}

inline std::size_t length(const char* text) noexcept {
    std::size_t size = 0;
    while (text[size] != '\0') {
        ++size;
    }
    return size;
}

}  // namespace pycds::snapshot::restore
