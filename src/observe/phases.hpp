#pragma once

// What the time of a process is counted for by `pycds bench --explain`.  One word for one thing: the names are those of
// the tables, of the JSON and of docs/guides/bench.md.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pycds::observe {

enum class Phase : std::uint32_t {
    start,        // the interpreter, up to the start-up hook
    attach,       // the start-up hook itself, where it attaches an archive
    measurement,  // setting up what measures the rest
    import,       // the import system's own work: locks, specs, module objects
    find,         // where a module is
    read,         // whether its code may be used, and its bytes
    link,         // code objects: linked, or unmarshalled
    compile,      // code objects of sources without a .pyc
    exec,         // bodies of modules
    regex,        // regular expressions
    class_,       // class statements, their bodies included
    extension,    // extension and built-in modules, created and executed
    gc,           // collections of garbage
    exit,         // after the last atexit function, until the process is gone
    rest,         // the program, and whatever is none of the others
    count
};

inline constexpr std::size_t phase_count = static_cast<std::size_t>(Phase::count);

inline constexpr std::array<std::string_view, phase_count> phase_names = {
    "start", "attach", "measurement", "import",    "find", "read", "link", "compile",
    "exec",  "regex",  "class",       "extension", "gc",   "exit", "rest"};

[[nodiscard]] inline std::optional<Phase> to_phase(std::string_view name) noexcept {
    const auto* const place = std::find(phase_names.begin(), phase_names.end(), name);
    if (place == phase_names.end()) {
        return std::nullopt;
    }
    return static_cast<Phase>(place - phase_names.begin());
}

}  // namespace pycds::observe
