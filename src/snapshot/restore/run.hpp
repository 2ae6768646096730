#pragma once

#include "../view.hpp"

namespace pycds::snapshot::restore {

// What a run of the restorer begins with, and what it comes to know.
struct Run {
    std::int64_t argument_count;
    char** arguments;    // the restorer, words for it, the snapshot or the script, then the program's own
    std::int64_t first;  // which of them is the snapshot or the script
    const char* path;    // of the snapshot; null: none was named
    bool is_script;      // a script has named it
    Items<char*> plain;  // what to run where the snapshot cannot be used; none: what it says itself
    char** environment;
    std::size_t environment_count;
    const std::uint64_t* auxiliary;  // as the kernel gave it
    long directory;                  // descriptor of that in which the snapshot lies
    const char* name;                // of the snapshot there
    long snapshot;                   // descriptor
    bool trusted;                    // it is a file that nobody else could have written
    View view;                       // its header is null before the tables have been checked
    const char* detail;              // what a fault is about: a variable, a file; null: nothing in particular
    bool only_checks;                // nothing is to be restored

    [[nodiscard]] std::size_t own_arguments() const noexcept {  // of the program
        return static_cast<std::size_t>(argument_count > first ? argument_count - first - 1 : 0);
    }
};

[[nodiscard]] std::uint64_t auxiliary_value(const Run& run, std::uint64_t key) noexcept;

// The steps, in this order.  Until the last one succeeds nothing is lost: the plain program can be executed.

// Take the command line apart.  words.cpp
void take_apart(Run& run) noexcept;

// Open the file, check its owner and its tables.  open.cpp
[[nodiscard]] Fault open_snapshot(Run& run) noexcept;

// Compare machine, user, environment and watched files.  check.cpp
[[nodiscard]] Fault check_surroundings(Run& run) noexcept;

// Where nothing is to be restored: compare mapped files and all pages, too.  check.cpp
[[nodiscard]] Fault check_content(Run& run) noexcept;

// Copy arguments and environment to a place that stays.  place.cpp
[[nodiscard]] Fault keep_arguments(Run& run) noexcept;

// Put everything where it was: the vdso, then the mappings.  The stack that the kernel gave is gone then.  place.cpp
[[nodiscard]] Fault place_memory(Run& run) noexcept;

// A descriptor of a mapped file, closed on exec; -1 where the file is not as it was, which is noted.  place.cpp
[[nodiscard]] long open_as_recorded(Run& run, std::uint32_t number) noexcept;

// Tell the kernel of the thread and jump into it; returns only with a fault.  resume.cpp
[[nodiscard]] Fault resume(Run& run) noexcept;

// Say that there is nothing to be run with more rights than the user has, and end with 3.  plain.cpp
[[noreturn]] void refuse_rights() noexcept;

// Say and count the reason, then become the plain program.  plain.cpp
[[noreturn]] void run_plainly(const Run& run, Fault fault) noexcept;

// Say what was found, and end with 0, 1, or 3 where it is no sound snapshot.  plain.cpp
[[noreturn]] void tell(const Run& run, Fault fault) noexcept;

}  // namespace pycds::snapshot::restore
