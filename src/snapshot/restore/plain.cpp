#include "run.hpp"
#include "stamp.hpp"
#include "system.hpp"

namespace pycds::snapshot::restore {

namespace {

constexpr int unusable = 3;  // exit code: there is no snapshot to say what else to run
constexpr int not_executable = 126;

// One line of text in the making; what does not fit is left out.
class Line {
  public:
    Line& add(const char* text) noexcept {
        while (*text != '\0' && size_ < sizeof text_ - 1) {
            text_[size_++] = *text++;
        }
        return *this;
    }
    // In brackets, without what may be a secret: the value of a variable.
    Line& add_detail(const char* text) noexcept {
        if (text == nullptr) {
            return *this;
        }
        add(" (");
        for (; *text != '\0' && *text != '=' && size_ < sizeof text_ - 1; ++text) {
            text_[size_++] = *text >= ' ' && *text <= '~' ? *text : '?';
        }
        return add(")");
    }
    void write(long descriptor) noexcept {
        text_[size_++] = '\n';
        call(__NR_write, descriptor, text_, size_);
    }

  private:
    char text_[1024] = {};
    std::size_t size_ = 0;
};

// PYCDSVERBOSE=1 or 2.
bool is_verbose(const Run& run) noexcept {
    for (std::size_t i = 0; i < run.environment_count; ++i) {
        if (begins_with(run.environment[i], "PYCDSVERBOSE=") && (run.environment[i][13] | 3) == '3') {
            return run.environment[i][13] != '0';
        }
    }
    return false;
}

// One word more in SNAPSHOT.refusals, as long as that is no large file.
void count(const Run& run, Fault fault) noexcept {
    constexpr long most_bytes = 64 << 10;
    static char name[256];
    const std::size_t size = length(run.name);
    if (size + sizeof ".refusals" > sizeof name) {
        return;
    }
    __builtin_memcpy(name, run.name, size);
    __builtin_memcpy(name + size, ".refusals", sizeof ".refusals");
    constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const long file = call(__NR_openat, run.directory, name, flags, 0600);
    struct stat status{};
    if (file >= 0 && call(__NR_fstat, file, &status) == 0 && (status.st_mode & kind_bits) == regular_kind &&
        status.st_size < most_bytes) {
        Line().add(text_of(fault).word).write(file);
    }
    call(__NR_close, file);
}

// What runs in place of the snapshot: its words, with room for the program's own arguments behind them.
std::size_t words_to_run(const Run& run) noexcept {
    return run.plain.count != 0 ? run.plain.count : run.view.command.count;
}

const char* word_to_run(const Run& run, std::size_t i) noexcept {
    return run.plain.count != 0 ? run.plain[i] : run.view.text(run.view.command[i]);
}

void execute(const Run& run) noexcept {
    const std::size_t words = words_to_run(run);
    const std::size_t own = run.own_arguments();
    call(__NR_munmap, parking_address, restorer_end - parking_address);
    if (!reserve(parking_address, (words + own + 1) * sizeof(char*))) {
        return;
    }
    auto** command = reinterpret_cast<const char**>(parking_address);
    for (std::size_t i = 0; i < words; ++i) {
        command[i] = word_to_run(run, i);
    }
    for (std::size_t i = 0; i < own; ++i) {
        command[words + i] = run.arguments[static_cast<std::size_t>(run.first) + 1 + i];
    }
    call(__NR_execve, command[0], command, run.environment);
}

[[noreturn]] void refuse_words(const Run& run) noexcept {
    if (run.is_script) {
        Line()
            .add("pycds: ")
            .add(run.arguments[2])
            .add(": no line names its interpreter any more; wrap it again, or install its package again")
            .write(2);
    } else {
        Line().add("pycds: usage: restorer SNAPSHOT [ARGUMENTS]...").write(2);
    }
    call(__NR_exit_group, unusable);
    __builtin_unreachable();
}

}  // namespace

void tell(const Run& run, Fault fault) noexcept {
    Line().add(run.path).add(": ").add(text_of(fault).meaning).add_detail(run.detail).write(1);
    call(__NR_exit_group, run.view.header == nullptr ? unusable : fault != Fault::none ? 1 : 0);
    __builtin_unreachable();
}

void refuse_rights() noexcept {
    Line().add("pycds: the restorer must not have more rights than its user").write(2);
    call(__NR_exit_group, unusable);
    __builtin_unreachable();
}

void run_plainly(const Run& run, Fault fault) noexcept {
    constexpr int standard_error = 2;
    if (run.trusted) {
        count(run, fault);
    }
    if (run.path == nullptr) {
        refuse_words(run);
    }
    if (run.view.header == nullptr && run.plain.count == 0) {
        Line()
            .add("pycds: ")
            .add(run.path)
            .add(": not restored: ")
            .add(text_of(fault).meaning)
            .add("; make it anew with `pycds snapshot create`")
            .write(standard_error);
        call(__NR_exit_group, unusable);
    }
    if (is_verbose(run)) {
        Line()
            .add("[cds] ")
            .add(run.path)
            .add(": not restored: ")
            .add(text_of(fault).meaning)
            .add_detail(run.detail)
            .add("; running the plain program")
            .write(standard_error);
    }
    execute(run);
    Line().add("pycds: ").add(word_to_run(run, 0)).add(": cannot be executed").write(standard_error);
    call(__NR_exit_group, not_executable);
    __builtin_unreachable();
}

}  // namespace pycds::snapshot::restore
