#include "write.hpp"

#include "checksum.hpp"
#include "outcome.hpp"
#include "stamp.hpp"
#include "view.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace pycds::snapshot {

namespace {

// Header and tables in the making.
class Tables {
  public:
    Tables(const Header& from, Arena& arena) noexcept : header(from), arena_(arena), bytes_(arena), texts_(arena) {
        bytes_.resize(sizeof(Header));
    }

    TextOffset text(std::string_view text) noexcept {
        const std::size_t offset = texts_.size();
        texts_.append(text.data(), text.size());
        texts_.push('\0');
        return static_cast<TextOffset>(offset);
    }

    template <typename Item>
    void table(Table which, const Item* items, std::size_t count) noexcept {
        add(which, reinterpret_cast<const char*>(items), count * sizeof(Item), count);
    }

    void texts_of(Table which, const std::vector<std::string>& all) noexcept {
        List<TextOffset> offsets(arena_);
        for (const std::string& one : all) {
            offsets.push(text(one));
        }
        table(which, offsets.begin(), offsets.size());
    }

    void end_with_texts() noexcept {
        table(Table::texts, texts_.begin(), texts_.size());
        header.tables_end = bytes_.size();
        bytes_.resize((bytes_.size() + page_size - 1) / page_size * page_size);
        header.payload = bytes_.size();
    }

    // The whole beginning of the file, up to the payload.
    [[nodiscard]] const List<char>& finish() noexcept {
        std::memcpy(header.magic, magic, sizeof magic);
        header.format_version = format_version;
        header.header_size = sizeof(Header);
        header.tables_checksum = checksum(bytes_.begin() + sizeof(Header), bytes_.size() - sizeof(Header));
        header.header_checksum = checksum(&header, sizeof header);
        std::memcpy(bytes_.begin(), &header, sizeof header);
        return bytes_;
    }

    Header header;

  private:
    void add(Table which, const char* bytes, std::size_t size, std::size_t count) noexcept {
        bytes_.resize((bytes_.size() + 7) / 8 * 8);
        header.tables[static_cast<std::size_t>(which)] = {bytes_.size(), count};
        bytes_.append(bytes, size);
    }

    Arena& arena_;
    List<char> bytes_;
    List<char> texts_;
};

// What is of the time of the preparations may be half of before, half of after a change.
void refuse_young(const FileRecord& file, std::string_view path, std::int64_t began) noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    constexpr std::int64_t tick = second / 100;  // stamps are as old as the kernel's last tick
    if (std::max(file.changed_seconds * second + file.changed_nanoseconds,
                 file.modified_seconds * second + file.modified_nanoseconds) >= began - tick) {
        refuse({path, " has changed while the program was being prepared; try again"});
    }
}

void add_watched(Tables& tables, List<FileRecord>& files, const std::vector<std::string>& paths, bool only_looked_at,
                 std::int64_t began) noexcept {
    for (const std::string& path : paths) {
        FileRecord file = stamp_of(path);
        if (only_looked_at && is_directory(file)) {
            file.size = directory_alone;
        } else {
            refuse_young(file, path, began);
        }
        file.path = tables.text(path);
        files.push(file);
    }
}

// The files that are mapped, then those to be watched.
void add_files(Tables& tables, const Plan& plan, const Request& request, Arena& arena) noexcept {
    List<FileRecord> files(arena);
    for (std::size_t i = 0; i < plan.files.size(); ++i) {
        files.push(plan.files[i]);
        refuse_young(files.back(), plan.paths[i], request.began);
        files.back().path = tables.text(plan.paths[i]);
    }
    add_watched(tables, files, request.watched, false, request.began);
    add_watched(tables, files, request.looked_at, true, request.began);
    tables.header.mapped_files = plan.files.size();
    tables.table(Table::files, files.begin(), files.size());
}

void add_descriptions(Tables& tables, const Request& request) noexcept {
    MachineRecord& machine = tables.header.machine;
    utsname name{};
    ::uname(&name);
    machine.kernel_text = tables.text(name.release);
    machine.python_text = tables.text(request.python);
    machine.directory = tables.text(request.directory);
    machine.host = tables.text(request.host);
    machine.made_by = tables.text(request.made_by);
    machine.terminals = request.no_terminals ? terminals_none : terminals_any;
    constexpr std::string_view creator = "pycds " PYCDS_VERSION;
    creator.copy(tables.header.creator, sizeof Header::creator - 1);
}

// The new file beside its place.  It is locked as long as its process lives, so that one that was left behind can be
// told, and taken over.
class NewFile {
  public:
    explicit NewFile(const char* target) noexcept : target_(target) {
        judge_directory();
        const int size = ::snprintf(name_, sizeof name_, "%s.new", target);
        file_ = static_cast<std::size_t>(size) < sizeof name_
                    ? ::open(name_, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)
                    : -1;
        struct stat opened{};
        if (file_ < 0 || ::fstat(file_, &opened) != 0) {
            refuse_with_error(target_);
        }
        // Nothing of this kind was left behind by a snapshot's making, and somebody else may have it open.
        if (!S_ISREG(opened.st_mode) || opened.st_uid != ::geteuid() || (opened.st_mode & 077) != 0 ||
            opened.st_nlink > 1) {
            refuse({name_, " is in the way; remove it"});
        }
        if (::flock(file_, LOCK_EX | LOCK_NB) != 0 || stamp_of(name_).inode != opened.st_ino) {
            refuse({"another process is making ", target_, "; wait for it"});
        }
        if (::ftruncate(file_, 0) != 0 || ::fchmod(file_, 0600) != 0) {
            fail(std::strerror(errno));
        }
    }

    void write(const void* bytes, std::size_t size, std::uint64_t offset) const noexcept {
        const auto* at = static_cast<const char*>(bytes);
        while (size > 0) {
            const ssize_t written = ::pwrite(file_, at, size, static_cast<off_t>(offset));
            if (written < 0 && errno == EINTR) {
                continue;
            }
            if (written <= 0) {
                fail(std::strerror(errno));
            }
            at += written;
            offset += static_cast<std::uint64_t>(written);
            size -= static_cast<std::size_t>(written);
        }
    }

    // Of what was written from there on.
    [[nodiscard]] std::uint64_t checksum_from(std::uint64_t offset, std::uint64_t size) const noexcept {
        void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file_, static_cast<off_t>(offset));
        if (bytes == MAP_FAILED) {
            fail(std::strerror(errno));
        }
        return checksum(bytes, size);  // unmapped when the process ends
    }

    // What it holds must be on the disk before its name is.
    void keep() const noexcept {
        if (::fsync(file_) != 0 || ::rename(name_, target_) != 0) {
            fail(std::strerror(errno));
        }
    }

    [[noreturn]] void fail(std::string_view why) const noexcept {
        report({target_, ": ", why});
        ::unlink(name_);
        ::_exit(0);
    }

  private:
    // The same rule as a restorer's, before anything is put there.
    void judge_directory() const noexcept {
        char directory[4096] = {};
        const std::string_view path = target_;
        path.substr(0, path.rfind('/') + 1).copy(directory, sizeof directory - 1);
        struct stat status{};
        if (::stat(directory, &status) != 0) {
            refuse_with_error(target_);
        }
        if ((status.st_mode & 022) != 0 || (status.st_uid != ::geteuid() && status.st_uid != 0)) {
            refuse({"its directory belongs to another user, or others may write to it (", target_,
                    "); choose one of your own"});
        }
    }

    const char* target_;
    char name_[4096];
    int file_ = -1;
};

// By the restorer's own checks.
bool can_be_followed(const Tables& tables, const List<char>& beginning) noexcept {
    View view;
    return check_header(tables.header, tables.header.file_size) == Fault::none &&
           check_tables(reinterpret_cast<const std::byte*>(beginning.begin()), view) == Fault::none;
}

}  // namespace

void write_snapshot(const Header& header, const Plan& plan, std::string_view auxiliary, const Request& request,
                    Arena& arena) noexcept {
    Tables tables(header, arena);
    tables.table(Table::mappings, plan.mappings.begin(), plan.mappings.size());
    add_files(tables, plan, request, arena);
    tables.texts_of(Table::environment, request.environment);
    tables.texts_of(Table::free_names, request.free_names);
    tables.texts_of(Table::command, request.command);
    tables.table(Table::auxiliary, reinterpret_cast<const std::uint64_t*>(auxiliary.data()),
                 auxiliary.size() / sizeof(std::uint64_t));
    add_descriptions(tables, request);
    tables.end_with_texts();

    const NewFile file(request.path.c_str());
    const std::uint64_t payload = tables.header.payload;
    for (const MappingRecord& mapping : plan.mappings) {
        if (has_bytes(mapping.kind)) {
            const auto* bytes = reinterpret_cast<const void*>(mapping.begin);
            file.write(bytes, mapping.end - mapping.begin, payload + mapping.offset);
        }
    }
    tables.header.file_size = payload + plan.payload_size;
    tables.header.payload_checksum = file.checksum_from(payload, plan.payload_size);
    const List<char>& beginning = tables.finish();
    if (!can_be_followed(tables, beginning)) {
        file.fail("no restorer could follow what was to be written");
    }
    file.write(beginning.begin(), beginning.size(), 0);
    file.keep();
    outcome->written = true;
}

}  // namespace pycds::snapshot
