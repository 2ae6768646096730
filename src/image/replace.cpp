#include "replace.hpp"

#include "file.hpp"

#include <atomic>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace pycds::image {

namespace {

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void write_all(int descriptor, std::span<const std::byte> bytes, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            throw_errno(path);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

// A rename would put a file in the place of /dev/null or of a FIFO as readily as in that of a file.
void refuse_special_target(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EEXIST;
        throw_errno(path);
    }
}

constexpr std::string_view temporary_suffix = ".tmp";

// "TARGET.", then a process and a number, then the suffix.
bool is_temporary_of(std::string_view name, std::string_view target) noexcept {
    if (name.size() <= target.size() + 1 + temporary_suffix.size() || !name.starts_with(target) ||
        name[target.size()] != '.' || !name.ends_with(temporary_suffix)) {
        return false;
    }
    name.remove_prefix(target.size() + 1);
    name.remove_suffix(temporary_suffix.size());
    return name.find_first_not_of("0123456789-") == std::string_view::npos;
}

// A name beside the target that is removed again unless the rename succeeded.  It is locked as long as its process
// lives, which tells the temporary files of those that were killed, whatever their number is by now.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& target) {
        // Not mkostemp: its files are 0600, and to widen that needs the umask, which cannot be read without being
        // changed for other threads too.  Never writable by others, since an archive is code.
        constexpr mode_t mode = 0644;
        static std::atomic<unsigned> serial{0};
        int code = EEXIST;
        for (int attempt = 0; attempt < 1000 && code == EEXIST; ++attempt) {
            name_ = target + "." + std::to_string(::getpid()) + "-" + std::to_string(++serial);
            name_ += temporary_suffix;
            descriptor_ = FileDescriptor(::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
            code = descriptor_.valid() ? 0 : errno;
            if (code == 0 && !lock()) {
                code = EEXIST;  // taken for abandoned in this very moment
            }
        }
        if (code != 0) {
            throw std::system_error(code, std::generic_category(), target);
        }
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (!kept_) {
            ::unlink(name_.c_str());
        }
    }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

    void become(const std::string& target) {
        if (::rename(name_.c_str(), target.c_str()) != 0) {
            throw_errno(target);
        }
        kept_ = true;
    }

  private:
    [[nodiscard]] bool lock() const noexcept {
        struct stat status{};
        if (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) != 0) {
            return errno != EWOULDBLOCK;  // a file system without locks
        }
        return ::fstat(descriptor_.get(), &status) == 0 && status.st_nlink != 0;
    }

    std::string name_;
    FileDescriptor descriptor_;
    bool kept_ = false;
};

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

void remove_abandoned(const std::string& path) {
    const std::string_view target = std::string_view(path).substr(path.rfind('/') + 1);
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(directory_of(path).c_str()));
    while (const dirent* item = directory ? ::readdir(directory.get()) : nullptr) {
        if (!is_temporary_of(item->d_name, target)) {
            continue;
        }
        const int parent = ::dirfd(directory.get());
        const FileDescriptor file(::openat(parent, item->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (file.valid() && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
            ::unlinkat(parent, item->d_name, 0);
        }
    }
}

// The rename itself must survive a power cut; a file system that cannot sync a directory is no reason to fail.
void sync_directory_of(const std::string& path) noexcept {
    const FileDescriptor descriptor(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.valid()) {
        (void)::fsync(descriptor.get());
    }
}

}  // namespace

void replace_file(const std::string& path, std::span<const std::byte> bytes) {
    refuse_special_target(path);
    TemporaryFile temporary(path);
    write_all(temporary.descriptor(), bytes, path);
    if (::fsync(temporary.descriptor()) != 0) {
        throw_errno(path);
    }
    temporary.become(path);
    sync_directory_of(path);
    remove_abandoned(path);
}

}  // namespace pycds::image
