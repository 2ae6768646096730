#include "code_check.hpp"

#include "../cpython/pyc.hpp"
#include "../cpython/text.hpp"
#include "../image/content.hpp"
#include "moment.hpp"

namespace pycds::serve {

namespace {

using image::EntryRecord;
using image::PycKind;

constexpr std::string_view source_changed = "source has changed";
constexpr std::string_view not_checked = "the source could not be checked";
constexpr std::string_view pyc_changed = "its .pyc has changed";
constexpr std::string_view pyc_gone = "its .pyc is gone";
constexpr std::string_view other_check = "another --check-hash-based-pycs";

bool is_hash_based(const EntryRecord& record) noexcept {
    const auto kind = static_cast<PycKind>(record.pyc_kind);
    return kind == PycKind::checked || kind == PycKind::unchecked;
}

bool was_checked(const EntryRecord& record) noexcept { return (record.flags & image::entry_source_checked) != 0; }

// A plain import comes to the .pyc that it came to at the dump.
std::optional<std::string_view> objection_to_same_pyc(const EntryRecord& record) {
    if (is_hash_based(record) && cpython::checks_source(static_cast<PycKind>(record.pyc_kind)) != was_checked(record)) {
        return other_check;
    }
    return std::nullopt;
}

// A plain import compiles the source.
std::optional<std::string_view> objection_to_compiling(const EntryRecord& record) noexcept {
    if (is_hash_based(record) && !was_checked(record)) {
        return pyc_gone;  // it may never have been made from this source
    }
    return std::nullopt;
}

}  // namespace

bool CodeCheck::file_is_there(const image::Entry& entry) {
    return validation_ == Validation::sealed || stamp_of(entry, Between::anything).has_value();
}

std::optional<image::FileStamp> CodeCheck::stamp_of(const image::Entry& entry, Between between) {
    const std::int64_t now = now_ns();
    const bool is_over = between == Between::anything && (seen_ns_ > now || now - seen_ns_ >= shortest_moment_ns);
    if (seen_ != &entry.record() || is_over) {
        seen_stamp_ = image::file_stamp(std::string(entry.stamp_path()).c_str());
        seen_ = &entry.record();
        seen_ns_ = now;
    }
    return seen_stamp_;
}

std::optional<std::string_view> CodeCheck::objection(const image::Entry& entry, Between between) {
    if (validation_ == Validation::sealed) {
        return std::nullopt;
    }
    const auto stamp = stamp_of(entry, between);
    seen_ = nullptr;  // once
    if (!stamp) {
        return "source is gone";
    }
    if (const Objection objection = to_source(entry, *stamp)) {
        return objection;
    }
    const bool has_pyc = entry.record().loader == static_cast<std::uint8_t>(image::LoaderKind::source);
    return has_pyc ? to_pyc(entry, *stamp) : std::nullopt;
}

CodeCheck::Objection CodeCheck::to_source(const image::Entry& entry, const image::FileStamp& stamp) {
    const EntryRecord& record = entry.record();
    // A hash-based .pyc that is compared with its source makes a plain import notice what no stamp tells.
    if (stamp == record.stamp && validation_ == Validation::exact && !was_checked(record)) {
        return std::nullopt;
    }
    if (stamp.size != record.stamp.size) {
        return source_changed;
    }
    const auto now = content(entry, stamp);
    if (!now) {
        return not_checked;
    }
    return *now == record.content ? std::nullopt : Objection(source_changed);
}

std::optional<std::uint64_t> CodeCheck::content(const image::Entry& entry, const image::FileStamp& stamp) {
    const std::string path(entry.stamp_path());
    if (entry.record().loader != static_cast<std::uint8_t>(image::LoaderKind::zip)) {
        return image::content_of(path);
    }
    const auto [place, added] = zips_.try_emplace(path);
    KnownContent& known = place->second;
    if (added || known.stamp != stamp) {
        known = {stamp, image::content_of(path)};
    }
    return known.content;
}

// The .pyc that a plain import would look at: beside the source, or under sys.pycache_prefix.
std::string CodeCheck::pyc_path(const image::Entry& entry) const {
    if (import_system_.caches_beside_source()) {
        if (const auto cached = entry.cached()) {
            return std::string(*cached);
        }
    }
    return import_system_.cache_from_source(entry.origin());
}

CodeCheck::Objection CodeCheck::to_pyc(const image::Entry& entry, const image::FileStamp& source) {
    const EntryRecord& record = entry.record();
    const bool is_known = record.pyc_kind != static_cast<std::uint8_t>(PycKind::elsewhere) &&
                          record.home != image::none_index && import_system_.caches_beside_source();
    if (is_known && validation_ == Validation::exact && directories_.pycache_unchanged(record.home)) {
        return objection_to_same_pyc(record);
    }
    const std::string path = pyc_path(entry);
    const auto stamp = image::file_stamp(path.c_str());
    if (!stamp) {
        return objection_to_compiling(record);
    }
    if (is_known && validation_ == Validation::exact && *stamp == record.pyc) {
        return objection_to_same_pyc(record);
    }
    const auto pyc = cpython::read_pyc(path);
    if (!pyc || pyc->kind == PycKind::none || (pyc->kind == PycKind::timestamp && !cpython::fits(*pyc, source))) {
        return objection_to_compiling(record);
    }
    return pyc->content == record.pyc_content ? objection_to_same_pyc(record) : Objection(pyc_changed);
}

}  // namespace pycds::serve
