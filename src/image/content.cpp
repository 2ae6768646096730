#include "content.hpp"

#include "checksum.hpp"
#include "file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pycds::image {

std::optional<std::vector<std::byte>> read_whole(const std::string& path) {
    // O_NONBLOCK: a FIFO in the place of a source must not hang.
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status{};
    if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    // One byte more than it should hold tells that it has grown in the meantime.
    std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size) + 1);
    std::size_t filled = 0;
    for (;;) {
        const ssize_t got = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return std::nullopt;
        }
        if (got == 0) {
            bytes.resize(filled);
            return bytes;
        }
        filled += static_cast<std::size_t>(got);
        if (filled == bytes.size()) {
            bytes.resize(2 * filled);
        }
    }
}

std::optional<std::uint64_t> content_of(const std::string& path) {
    const auto bytes = read_whole(path);
    return bytes ? std::optional(checksum(*bytes)) : std::nullopt;
}

}  // namespace pycds::image
