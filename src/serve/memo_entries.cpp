#include "memo_entries.hpp"

#include <optional>
#include <utility>

namespace pycds::serve {

using cpython::Ref;

namespace {

// Constants are where CPython keeps what a code object refers to: those of an entry's code are its data.
Ref constants_in(PyObject* code) {
    Ref constants = Ref::steal(PyObject_GetAttrString(code, "co_consts"));
    return PyTuple_CheckExact(constants.get()) ? std::move(constants) : Ref();
}

}  // namespace

PyObject* MemoEntries::constants_of(const std::string& key) {
    if (const auto known = known_.find(key); known != known_.end()) {
        return known->second.get();
    }
    const std::optional<image::Entry> entry = reader_.find(key);
    if (!entry || !entry->is_memo()) {
        ++counters_.missed;
        return nullptr;
    }
    if (linker_.is_busy()) {
        ++counters_.unreadable;
        return nullptr;
    }
    // An entry is linked once: what fails the first time is not there for the second.
    known_.emplace(key, Ref());
    const Ref code = Ref::steal(linker_.link(entry->record()));
    Ref constants = constants_in(code.get());
    return (known_[key] = std::move(constants)).get();
}

bool MemoEntries::has(const std::string& key) const { return reader_.find(key).has_value(); }

void MemoEntries::give_up(const std::string& key) noexcept {
    if (const auto known = known_.find(key); known != known_.end()) {
        known->second.clear();
    }
}

std::vector<std::string> MemoEntries::used() const {
    std::vector<std::string> keys;
    keys.reserve(known_.size());
    for (const auto& [key, constants] : known_) {
        keys.push_back(key);
    }
    return keys;
}

}  // namespace pycds::serve
