#include "directories.hpp"

#include "moment.hpp"

#include <algorithm>

namespace pycds::serve {

namespace {

using image::DirectoryKind;
using image::DirectoryRecord;

// FileFinder begins with this time (-1 s) for "never read", and finds nothing in a directory that has it.
constexpr std::int64_t never_read_ns = -1'000'000'000;

bool is_directory(std::uint32_t kind) noexcept {
    return kind == static_cast<std::uint32_t>(DirectoryKind::directory) ||
           kind == static_cast<std::uint32_t>(DirectoryKind::unstable);
}

}  // namespace

void Directories::index_recorded() {
    if (indexed_) {
        return;
    }
    const auto directories = reader_.directories();
    for (std::uint32_t number = 0; number < directories.size(); ++number) {
        recorded_.emplace(reader_.directory_path(directories[number]), number);
    }
    by_number_.assign(directories.size(), nullptr);
    indexed_ = true;
}

const DirectoryRecord& Directories::record(std::uint32_t number) {
    const auto directories = reader_.directories();
    if (number >= directories.size()) {
        reader_.damaged("the directory of an entry");
    }
    return directories[number];
}

std::string_view Directories::path_of(std::uint32_t number) { return reader_.directory_path(record(number)); }

Directories::State& Directories::find(std::string_view path) {
    if (const auto seen = states_.find(path); seen != states_.end()) {
        return seen->second;
    }
    State& state = states_.try_emplace(std::string(path)).first->second;
    index_recorded();
    state.path_ = path;
    if (const auto known = recorded_.find(path); known != recorded_.end()) {
        state.number_ = known->second;
        by_number_[known->second] = &state;
    }
    return state;
}

Directories::State& Directories::find(std::uint32_t number) {
    const std::string_view path = path_of(number);
    index_recorded();
    // Two records of one path do not come from a dump; the first of them then answers for both.
    return by_number_[number] != nullptr ? *by_number_[number] : find(path);
}

const Directories::State& Directories::at(std::string_view path) {
    State& state = find(path);
    look(state);
    return state;
}

const Directories::State& Directories::at(std::uint32_t number) {
    State& state = find(number);
    look(state);
    return state;
}

const Directories::State& Directories::at_now(std::string_view path) {
    State& state = find(path);
    if (!is_sealed(state)) {
        look_again(state);
    }
    return state;
}

// Under `sealed` a recorded directory is what it was.
bool Directories::is_sealed(State& state) {
    if (state.number_ == image::none_index || validation_ != Validation::sealed) {
        return false;
    }
    const auto kind = static_cast<DirectoryKind>(record(state.number_).kind);
    state.stamp_.kind = kind == DirectoryKind::unstable ? DirectoryKind::directory : kind;
    state.unchanged_ = true;
    return true;
}

void Directories::look(State& state) {
    if (!is_sealed(state) && is_over(state.look_)) {
        look_again(state);
    }
}

void Directories::look_again(State& state) {
    const image::DirectoryStamp stamp = image::directory_stamp(state.path_);
    const bool same = state.look_.seen_ns != never && stamp == state.stamp_;
    state.look_ = {now_ns(), is_installed(state) ? installed_moment_ns : shortest_moment_ns};
    if (!same) {
        state.stamp_ = stamp;
        state.listing_.reset();
        state.unlistable_ = false;
        state.unchanged_ = state.number_ != image::none_index && as_recorded(state);
    }
}

bool Directories::is_installed(const State& state) {
    return state.number_ != image::none_index && (record(state.number_).flags & image::directory_is_installed) != 0;
}

bool Directories::is_over(const State::Look& look) noexcept {
    const std::int64_t now = now_ns();
    return look.seen_ns == never || look.seen_ns > now || now - look.moment_ns >= look.seen_ns;
}

bool Directories::as_recorded(State& state) {
    const DirectoryRecord& then = record(state.number_);
    if (state.stamp_.stamp.mtime_ns == never_read_ns || state.stamp_.kind == DirectoryKind::unstable) {
        return false;
    }
    const bool same_kind = then.kind == static_cast<std::uint32_t>(state.stamp_.kind);
    if (same_kind && then.stamp == state.stamp_.stamp && validation_ == Validation::exact) {
        return true;
    }
    if (!state.is_directory() || !is_directory(then.kind)) {
        return same_kind && state.absent();
    }
    const auto& names = listing(state);
    return names && names->digest() == then.listing;
}

const std::optional<image::Listing>& Directories::listing(State& state) {
    if (!state.listing_ && !state.unlistable_) {
        state.listing_ = image::Listing::of(state.path_);
        state.unlistable_ = !state.listing_;
    }
    return state.listing_;
}

bool Directories::may_hold(const State& state, std::string_view stem) {
    if (state.absent()) {
        return false;
    }
    if (!state.is_directory()) {
        return true;
    }
    const auto& names = listing(find(state.path_));
    return !names || names->may_hold(stem);
}

bool Directories::pycache_unchanged(std::uint32_t number) {
    const DirectoryRecord& then = record(number);
    State& state = find(number);
    if (is_over(state.pycache_look_)) {
        const image::DirectoryStamp stamp = image::directory_stamp(state.path_ + "/__pycache__");
        const bool same = state.pycache_look_.seen_ns != never && stamp == state.pycache_stamp_;
        const std::int64_t doubled = std::min(2 * state.pycache_look_.moment_ns, longest_moment_ns);
        const std::int64_t moment = same ? doubled : shortest_moment_ns;
        state.pycache_look_ = {now_ns(), is_installed(state) ? installed_moment_ns : moment};
        state.pycache_stamp_ = stamp;
    }
    return then.pycache_kind == static_cast<std::uint32_t>(state.pycache_stamp_.kind) &&
           then.pycache == state.pycache_stamp_.stamp;
}

void Directories::invalidate() noexcept {
    states_.clear();
    by_number_.assign(by_number_.size(), nullptr);
}

}  // namespace pycds::serve
