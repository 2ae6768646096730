#include "run.hpp"
#include "stamp.hpp"
#include "system.hpp"

namespace pycds::snapshot::restore {

namespace {

// A descriptor of the directory in which a path lies; `name` is what remains of the path.
long open_directory(const char* path, const char*& name) noexcept {
    static char directory[4096];
    const std::size_t size = length(path);
    std::size_t end = size;
    while (end > 0 && path[end - 1] != '/') {
        --end;
    }
    if (end >= sizeof directory || end == size) {
        return -1;
    }
    directory[0] = '.';
    directory[1] = '\0';
    for (std::size_t i = 0; i < end; ++i) {
        directory[i] = path[i];
        directory[i + 1] = '\0';
    }
    name = path + end;
    return call(__NR_openat, static_cast<long>(AT_FDCWD), directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

// Nobody else wrote the file, can write it, or may read what was on a heap; nobody else can exchange it.
bool is_trusted(const struct stat& file, const struct stat& directory) noexcept {
    const auto user = static_cast<unsigned long>(call(__NR_geteuid));
    const bool directory_is_ours = directory.st_uid == user || directory.st_uid == 0;
    return file.st_uid == user && (file.st_mode & 077) == 0 && directory_is_ours && (directory.st_mode & 022) == 0;
}

Fault open_trusted(Run& run, std::uint64_t& size) noexcept {
    run.directory = run.path == nullptr ? -1 : open_directory(run.path, run.name);
    if (run.directory < 0) {
        return Fault::missing;
    }
    run.snapshot = call(__NR_openat, run.directory, run.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat file{};
    struct stat parent{};
    const bool found = run.snapshot >= 0 && call(__NR_fstat, run.snapshot, &file) == 0 &&
                       call(__NR_fstat, run.directory, &parent) == 0 && (file.st_mode & kind_bits) == regular_kind;
    if (!found) {
        return Fault::missing;
    }
    size = static_cast<std::uint64_t>(file.st_size);
    return is_trusted(file, parent) ? Fault::none : Fault::untrusted;
}

}  // namespace

Fault open_snapshot(Run& run) noexcept {
    std::uint64_t size = 0;
    Fault fault = open_trusted(run, size);
    if (fault != Fault::none) {
        return fault;
    }
    run.trusted = true;
    static Header header;
    if (size < sizeof header) {
        return size == 0 ? Fault::truncated : Fault::foreign;
    }
    if (!read_at(run.snapshot, reinterpret_cast<std::uint64_t>(&header), sizeof header, 0)) {
        return Fault::reading;
    }
    fault = check_header(header, size);
    if (fault != Fault::none) {
        return fault;
    }
    // A copy: what has been checked must not change.
    const std::uint64_t payload = header.payload;
    if (!reserve(tables_address, payload) || !read_at(run.snapshot, tables_address, payload, 0)) {
        return Fault::reading;
    }
    const auto* bytes = reinterpret_cast<const std::byte*>(tables_address);
    fault = check_header(*reinterpret_cast<const Header*>(bytes), size);
    if (fault != Fault::none) {
        return fault;
    }
    View view;
    fault = reinterpret_cast<const Header*>(bytes)->payload == payload ? check_tables(bytes, view) : Fault::damaged;
    if (fault == Fault::none) {
        run.view = view;
    }
    return fault;
}

}  // namespace pycds::snapshot::restore
