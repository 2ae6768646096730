#pragma once

// The snapshot, byte by byte.  docs/snapshot-format.md is the description for readers; these structs are what the code
// uses, and the static_asserts keep the two from drifting apart.  `pycds snapshot inspect` prints what is named here.
//
// Read by the extension module and by the restorer, which has neither libc nor C++ runtime: nothing here needs one.
// Everything is little-endian.  Offsets count from the start of the file unless a field says otherwise.

#include <cstddef>
#include <cstdint>

namespace pycds::snapshot {

inline constexpr char magic[8] = {'\x89', 'P', 'y', 'S', 'n', 'a', 'p', '\n'};
inline constexpr std::uint32_t format_version = 1;
inline constexpr std::uint64_t page_size = 4096;

// Where user space ends, without the page that the kernel keeps free.
inline constexpr std::uint64_t end_of_memory = 0x7FFFFFFFF000;
inline constexpr std::uint64_t start_of_memory = 0x10000;

// Where the restorer and what it needs lie while it works.  No kernel places anything here by itself.
inline constexpr std::uint64_t restorer_begin = 0x680000000000;
inline constexpr std::uint64_t tables_address = 0x690000000000;
inline constexpr std::uint64_t arguments_address = 0x6A0000000000;
inline constexpr std::uint64_t parking_address = 0x6B0000000000;
inline constexpr std::uint64_t restorer_end = 0x6C0000000000;

// Not even where addresses are as random as they can be (vm.mmap_rnd_bits = 32): programs begin at two thirds of user
// space, everything else goes down from its end; each has a terabyte besides.
inline constexpr std::uint64_t most_random = page_size << 32;
inline constexpr std::uint64_t terabyte = std::uint64_t{1} << 40;
static_assert(0x555555554000 + most_random + terabyte <= restorer_begin);
static_assert(end_of_memory - most_random - terabyte >= restorer_end);

// A table within the tables: where its items begin, counted from the start of the file, and how many there are.
struct TableRecord {
    std::uint64_t offset;
    std::uint64_t items;
};
static_assert(sizeof(TableRecord) == 16);

// In file order.
enum class Table : std::uint32_t {
    mappings,     // MappingRecord
    files,        // FileRecord: those that are mapped first, then those that are only watched
    environment,  // TextOffset: "NAME=VALUE" of what must be the same, in byte order
    free_names,   // TextOffset: names of variables that may differ; "NAME*": all that begin so
    command,      // TextOffset: the plain program, to which the arguments of a run are added
    auxiliary,    // u64: the auxiliary vector, which ends with two zeros
    texts,        // bytes: texts, each with a NUL behind it
};
inline constexpr std::size_t table_count = 7;

using TextOffset = std::uint32_t;  // within `texts`

// The machine and the user that a snapshot is for.
struct MachineRecord {
    std::uint64_t kernel;       // checksum of the system's name, release, version and machine
    std::uint64_t processor;    // checksum of what cpuid tells
    std::uint64_t vdso;         // checksum of the vdso
    std::uint64_t affinity;     // checksum of the set of processors that may be used
    std::uint64_t limits;       // checksum of the limits of resources
    std::uint32_t user;         // real and effective
    std::uint32_t group;        // real and effective
    std::uint32_t kernel_text;  // TextOffset: for people
    std::uint32_t python_text;  // TextOffset: sys.version, for people
    std::uint32_t directory;    // TextOffset: the working directory that the program asked for; empty: any will do
    std::uint32_t terminals;    // Terminal
    std::uint32_t host;         // TextOffset: the host's name that the program asked for; empty: any will do
    std::uint32_t made_by;      // TextOffset: what `create` was asked for, so that it can be asked again
};
static_assert(sizeof(MachineRecord) == 72);

// Whether the program asked which of the standard streams are terminals; in a snapshot's making none is.
enum Terminal : std::uint32_t { terminals_any = 0, terminals_none = 1 };

// Registers that a function call keeps, in the order in which context.hpp and resume.cpp store and load them.
struct Registers {
    std::uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
    std::uint32_t mxcsr;
    std::uint16_t x87_control;
    std::uint16_t reserved;
};
static_assert(sizeof(Registers) == 72);

// As the kernel has it (struct sigaction of the system call).
struct SignalAction {
    std::uint64_t handler;  // 0 default, 1 ignored
    std::uint64_t flags;
    std::uint64_t restorer;
    std::uint64_t mask;
};
static_assert(sizeof(SignalAction) == 32);
inline constexpr int signal_count = 64;

struct ThreadRecord {
    Registers registers;
    std::uint64_t thread_pointer;  // the FS base: thread-local storage
    std::uint64_t thread_id_address;
    std::uint64_t robust_list;
    std::uint64_t robust_list_size;
    std::uint64_t rseq;  // address of the area for restartable sequences; 0: none
    std::uint32_t rseq_size;
    std::uint32_t rseq_signature;
    std::uint64_t signal_mask;
    std::uint64_t signal_stack;  // the alternate stack of signal handlers; 0: none
    std::uint64_t signal_stack_size;
    char name[16];                       // of the thread, as in /proc/PID/comm
    SignalAction actions[signal_count];  // of signal 1 first
};
static_assert(sizeof(ThreadRecord) == 2208);

// What the kernel knows of the layout of a process; as prctl(PR_SET_MM_MAP) takes it, up to `stack`.
struct LayoutRecord {
    std::uint64_t code_begin, code_end, data_begin, data_end;
    std::uint64_t break_begin, break_end;
    std::uint64_t stack;
    std::uint64_t reserved;
};
static_assert(sizeof(LayoutRecord) == 64);

// One of the mappings that the kernel makes by itself: the vdso and its data.
struct SpecialRecord {
    std::uint64_t begin;
    std::uint64_t end;
};
inline constexpr std::size_t special_count = 4;

// A descriptor that a library has open of a file that is mapped, for reading: libffi has one of itself, to map it
// again.
struct DescriptorRecord {
    std::uint16_t number;  // 0: there is none
    std::uint16_t flags;   // DescriptorFlag
    std::uint32_t file;    // which of the mapped ones
};
static_assert(sizeof(DescriptorRecord) == 8);

enum DescriptorFlag : std::uint16_t { descriptor_closed_on_exec = 1 };

struct Header {
    // The part that every future version can parse, the same as an archive's.
    char magic[8];
    std::uint32_t format_version;
    std::uint32_t header_size;
    std::uint64_t file_size;
    std::uint64_t header_checksum;  // of the first header_size bytes, with this field as zero
    char creator[32];               // NUL-padded text

    std::uint64_t tables_end;       // the tables begin behind the header
    std::uint64_t tables_checksum;  // from header_size to payload
    std::uint64_t payload;          // where it begins: the next page
    std::uint64_t payload_checksum;

    TableRecord tables[table_count];
    std::uint64_t mapped_files;  // how many of the files are mapped: the first ones
    MachineRecord machine;
    LayoutRecord layout;
    SpecialRecord specials[special_count];  // by address; {0, 0} where there are fewer
    std::uint64_t vdso;                     // which of them is the vdso: its address
    ThreadRecord thread;
    DescriptorRecord descriptor;
};
static_assert(sizeof(Header) == 2640);
static_assert(offsetof(Header, tables) == 96);

enum class MappingKind : std::uint16_t {
    zero,     // anonymous, nothing was written to it
    payload,  // anonymous, or a file's that was written to: its bytes are in the payload
    file,     // of a file, as it is there
    stack,    // the payload is its upper part; below it room for `room` bytes in all
    copy,     // anonymous; its bytes are read from the payload
    guard,    // anonymous, and nobody may touch it (MADV_GUARD_INSTALL), whatever its protection
};

// Whether its bytes are in the payload.
[[nodiscard]] constexpr bool has_bytes(MappingKind kind) noexcept {
    return kind == MappingKind::payload || kind == MappingKind::stack || kind == MappingKind::copy;
}

enum MappingFlag : std::uint32_t {
    mapping_shared = 1,        // of a file, and never writable
    mapping_wipe_on_fork = 2,  // MADV_WIPEONFORK
};

enum Protection : std::uint16_t { protection_read = 1, protection_write = 2, protection_execute = 4 };

struct MappingRecord {
    std::uint64_t begin;   // address
    std::uint64_t end;     // address
    std::uint64_t offset;  // payload, stack, copy: from the payload's begin; file: in the mapped file; else 0
    std::uint64_t room;    // stack: bytes that it may grow to, below `end`; else 0
    MappingKind kind;
    std::uint16_t protection;  // Protection
    std::uint32_t flags;       // MappingFlag
    std::uint32_t file;        // of kind file: which; else 0
    std::uint32_t reserved;
};
static_assert(sizeof(MappingRecord) == 48);

// As the size of a directory: that it is one is all that counts, not what is in it.
inline constexpr std::uint64_t directory_alone = 1;

// A file or directory whose change makes the snapshot useless.
struct FileRecord {
    std::int64_t modified_seconds;
    std::int64_t changed_seconds;
    std::uint32_t modified_nanoseconds;
    std::uint32_t changed_nanoseconds;
    std::uint64_t size;  // of a directory 0, or directory_alone
    std::uint64_t inode;
    std::uint32_t mode;  // kind and permissions; 0: there is none of this name
    TextOffset path;     // absolute
};
static_assert(sizeof(FileRecord) == 48);

// What the restorer hands to the process that it has made.
struct Arrival {
    std::int64_t argument_count;
    char** arguments;  // the program as it was called, where that is known, else an empty text; then those of the run
    char** environment;
};

}  // namespace pycds::snapshot
