#include "run.hpp"
#include "stamp.hpp"
#include "system.hpp"

// The command line, and the last lines of a script that names a snapshot (pycds/restored_script.py writes them):
//
//   # pycds interpreter: /srv/venv/bin/python3 -s
//   # pycds snapshot: /home/me/.cache/pycds/tool-0123456789abcdef.pycds.snapshot
//
// The first is what stood behind "#!" in its first line, and means what the kernel makes of that.

namespace pycds::snapshot::restore {

namespace {

constexpr std::size_t most_of_tail = 12 << 10;  // two paths of any length, and some lines that others have added

char tail[most_of_tail + 2];
char* interpreter[3];  // its path, its option if there is one, the script

// The last bytes of a script, with a newline in front and a NUL behind; how many; 0: it cannot be read.
std::size_t read_tail(const char* path) noexcept {
    const long file = call(__NR_openat, static_cast<long>(AT_FDCWD), path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat status{};
    std::size_t size = 0;
    if (file >= 0 && call(__NR_fstat, file, &status) == 0 && (status.st_mode & kind_bits) == regular_kind) {
        const auto all = static_cast<std::uint64_t>(status.st_size);
        size = all < most_of_tail ? all : most_of_tail;
        tail[0] = '\n';
        if (!read_at(file, reinterpret_cast<std::uint64_t>(tail + 1), size, all - size)) {
            size = 0;
        }
    }
    call(__NR_close, file);
    return size;
}

// The rest of the last line that begins so, which it ends with a NUL; null: there is none.
char* value_of(const char* key, std::size_t size) noexcept {
    const std::size_t key_size = length(key);
    for (std::size_t at = size + 1; at-- > 0;) {
        std::size_t same = 0;
        while (same < key_size && tail[at + same] == key[same]) {
            ++same;
        }
        if (same == key_size) {
            char* value = tail + at + key_size;
            for (char* end = value; *end != '\0'; ++end) {
                if (*end == '\n') {
                    *end = '\0';
                    break;
                }
            }
            return value;
        }
    }
    return nullptr;
}

// As load_script() of the kernel: a path, and whatever follows as one word.
std::size_t split(char* line) noexcept {
    interpreter[0] = line;
    while (*line != '\0' && *line != ' ') {
        ++line;
    }
    if (*line == '\0') {
        return 1;
    }
    *line++ = '\0';
    interpreter[1] = line;
    return 2;
}

// A start-up hook would leave this program alone, or do what it is told (docs/guides/wrap.md).
bool is_switched_off(const Run& run) noexcept {
    for (std::size_t i = 0; i < run.environment_count; ++i) {
        const char* variable = run.environment[i];
        if (compare(variable, "PYCDSENABLED=off") == 0 || begins_with(variable, "PYCDSMODE=")) {
            return true;
        }
    }
    return false;
}

void take_script(Run& run) noexcept {
    run.is_script = true;
    run.first = 2;
    const std::size_t size = read_tail(run.arguments[2]);
    char* snapshot = value_of("\n# pycds snapshot: ", size);
    char* line = value_of("\n# pycds interpreter: ", size);
    if (snapshot == nullptr || line == nullptr) {
        return;
    }
    std::size_t words = split(line);
    interpreter[words++] = run.arguments[2];
    run.path = snapshot;
    run.plain = {interpreter, words};
    if (is_switched_off(run)) {
        run_plainly(run, Fault::switched_off);
    }
}

// How many words follow; -1: that is not said.
std::int64_t number(const char* digits) noexcept {
    std::int64_t value = 0;
    for (; *digits >= '0' && *digits <= '9' && value < 1000000; ++digits) {
        value = value * 10 + (*digits - '0');
    }
    return *digits == '\0' && value > 0 ? value : -1;
}

}  // namespace

void take_apart(Run& run) noexcept {
    run.first = 1;
    if (run.argument_count < 2) {
        return;
    }
    const char* word = run.arguments[1];
    if (compare(word, "--script") == 0 && run.argument_count > 2) {
        take_script(run);
        return;
    }
    if (compare(word, "--check") == 0 && run.argument_count == 3) {
        run.only_checks = true;
        run.first = 2;
    } else if (compare(word, "--else") == 0) {
        const std::int64_t count = run.argument_count < 3 ? -1 : number(run.arguments[2]);
        if (count < 0 || run.argument_count < count + 4) {
            return;
        }
        run.plain = {run.arguments + 3, static_cast<std::size_t>(count)};
        run.first = 3 + count;
    }
    run.path = run.arguments[run.first];
}

}  // namespace pycds::snapshot::restore
