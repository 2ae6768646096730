#include "pyc.hpp"

#include "../image/checksum.hpp"
#include "../image/content.hpp"
#include "../image/stamp.hpp"
#include "text.hpp"

#include <array>
#include <cstring>
#include <span>

namespace pycds::cpython {

namespace {

constexpr std::size_t header_size = 16;
constexpr std::uint32_t hash_based = 1;
constexpr std::uint32_t check_source = 2;

}  // namespace

std::optional<Pyc> read_pyc(const std::string& path) {
    const auto stamp = image::file_stamp(path.c_str());
    const auto bytes = stamp ? image::read_whole(path) : std::nullopt;
    if (!bytes) {
        return std::nullopt;
    }
    Pyc pyc;
    pyc.stamp = *stamp;
    std::array<std::uint32_t, 4> header{};  // magic number, flags, and two more
    if (bytes->size() < header_size) {
        return pyc;
    }
    std::memcpy(header.data(), bytes->data(), header_size);
    if (header[0] != static_cast<std::uint32_t>(PyImport_GetMagicNumber()) ||
        (header[1] & ~(hash_based | check_source)) != 0) {
        return pyc;
    }
    if ((header[1] & hash_based) == 0) {
        pyc.kind = image::PycKind::timestamp;
        pyc.source_mtime = header[2];
        pyc.source_size = header[3];
    } else {
        pyc.kind = (header[1] & check_source) != 0 ? image::PycKind::checked : image::PycKind::unchecked;
    }
    pyc.content = image::checksum(std::span(*bytes).subspan(header_size));
    return pyc;
}

bool fits(const Pyc& pyc, const image::FileStamp& source) noexcept {
    // int(os.stat_result.st_mtime): the float is what it is (Modules/posixmodule.c, fill_time).
    constexpr std::int64_t second = 1'000'000'000;
    std::int64_t seconds = source.mtime_ns / second;
    std::int64_t rest = source.mtime_ns % second;
    if (rest < 0) {
        rest += second;
        --seconds;
    }
    const auto mtime = static_cast<std::int64_t>(static_cast<double>(seconds) + 1e-9 * static_cast<double>(rest));
    return pyc.source_mtime == static_cast<std::uint32_t>(mtime) &&
           pyc.source_size == static_cast<std::uint32_t>(source.size);
}

bool checks_source(image::PycKind kind) {
    const Ref imp = Ref::steal(PyImport_ImportModule("_imp"));
    const Ref mode = Ref::steal(PyObject_GetAttrString(imp.get(), "check_hash_based_pycs"));
    const std::string_view text = PyUnicode_Check(mode.get()) ? view_text(mode.get()) : std::string_view();
    return text != "never" && (kind == image::PycKind::checked || text == "always");
}

}  // namespace pycds::cpython
