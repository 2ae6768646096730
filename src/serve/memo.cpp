#include "memo.hpp"

#include "../cpython/regex.hpp"
#include "../cpython/text.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>

namespace pycds::serve {

namespace {

using cpython::Ref;
using Clock = std::chrono::steady_clock;

std::uint64_t nanoseconds_since(Clock::time_point start) noexcept {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count());
}

// Constants are where CPython keeps what a code object refers to: the one constant of an entry's code is its data.
Ref data_in(PyObject* code) {
    const Ref constants = Ref::steal(PyObject_GetAttrString(code, "co_consts"));
    if (!PyTuple_CheckExact(constants.get()) || PyTuple_GET_SIZE(constants.get()) != 1) {
        return {};
    }
    return Ref::borrow(PyTuple_GET_ITEM(constants.get(), 0));
}

}  // namespace

bool RegexMemo::is_about(std::string_view module) const noexcept {
    if (reader_.header().memos == 0 || !on_) {
        return false;
    }
    const auto modules = cpython::regex_modules();
    return std::find(modules.begin(), modules.end(), module) != modules.end();
}

bool RegexMemo::witness(PyObject* module) {
    const auto modules = cpython::regex_modules();
    const Ref name = Ref::steal(PyObject_GetAttrString(module, "__name__"));
    if (witnesses_.size() >= modules.size() || cpython::view_text(name.get()) != modules[witnesses_.size()]) {
        return false;  // one of them is missing, or was imported again
    }
    if (witnesses_.size() + 1 < modules.size()) {
        witnesses_.emplace_back(module, seen_);
        return false;
    }
    const Ref engine = Ref::steal(PyObject_GetAttrString(module, "_sre"));
    const Ref make = Ref::steal(PyObject_GetAttrString(engine.get(), "compile"));
    witnesses_.emplace_back(engine.get(), seen_);
    witnesses_.emplace_back(module, seen_);
    make_ = make;
    return true;
}

bool RegexMemo::compiler_unchanged() noexcept {
    return std::all_of(witnesses_.begin(), witnesses_.end(),
                       [](cpython::Witness& witness) { return witness.unchanged(); });
}

PyObject* RegexMemo::data_of(const std::string& key) {
    const std::optional<image::Entry> entry = reader_.find(key);
    if (!entry || !entry->is_memo()) {
        ++counters_.missed;
        return nullptr;
    }
    const std::uint32_t ordinal = entry->record().ordinal;
    if (const auto known = known_.find(ordinal); known != known_.end()) {
        return known->second.data.get();
    }
    if (linker_.is_busy()) {
        ++counters_.unreadable;
        return nullptr;
    }
    // An entry is linked once: what fails the first time is not there for the second.
    known_.emplace(ordinal, Known{key, {}});
    const Ref code = Ref::steal(linker_.link(entry->record()));
    Ref data = data_in(code.get());
    return (known_[ordinal].data = std::move(data)).get();
}

Ref RegexMemo::answer(PyObject* pattern, PyObject* flags) noexcept {
    try {
        const auto start = Clock::now();
        const std::optional<std::string> key = make_ ? cpython::regex_key(pattern, flags) : std::nullopt;
        if (!key) {
            ++counters_.not_kept;
            return {};
        }
        const Ref data = Ref::borrow(data_of(*key));
        if (!data) {
            return {};
        }
        if (!cpython::is_regex_of(data.get(), pattern)) {
            ++counters_.missed;
            return {};
        }
        if (!compiler_unchanged()) {
            ++counters_.changed;
            return {};
        }
        Ref regex = cpython::make_regex(make_.get(), pattern, data.get());
        ++counters_.served;
        counters_.nanoseconds += nanoseconds_since(start);
        return regex;
    } catch (const image::Error&) {
        ++counters_.unreadable;
    } catch (const cpython::PythonError&) {
        PyErr_Clear();
        ++counters_.unreadable;
    } catch (const std::bad_alloc&) {
        ++counters_.unreadable;
    }
    return {};
}

void RegexMemo::note_compiled(PyObject* pattern, PyObject* flags) noexcept {
    try {
        if (lacking_.size() >= most_lacking) {
            return;
        }
        const auto key = make_ ? cpython::regex_key(pattern, flags) : std::nullopt;
        if (!key || PyObject_Size(pattern) > longest_lacking || !compiler_unchanged() || reader_.find(*key)) {
            return;
        }
        if (lacking_keys_.insert(*key).second) {
            lacking_.emplace_back(Ref::borrow(pattern), Ref::borrow(flags));
        }
    } catch (const image::Error&) {  // counted when it was asked for
    } catch (const std::bad_alloc&) {
    }
}

std::vector<std::string> RegexMemo::used() const {
    std::vector<std::string> keys;
    for (const auto& [ordinal, known] : known_) {
        keys.push_back(known.key);
    }
    return keys;
}

}  // namespace pycds::serve
