#include "regex_memo.hpp"

#include "../cpython/regex.hpp"
#include "../cpython/text.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <string>

namespace pycds::serve {

namespace {

using cpython::Ref;
using Clock = std::chrono::steady_clock;

std::uint64_t nanoseconds_since(Clock::time_point start) noexcept {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count());
}

}  // namespace

bool RegexMemo::is_about(std::string_view module) const noexcept {
    if (!on_ || !entries_.is_any()) {
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

Ref RegexMemo::answer(PyObject* pattern, PyObject* flags) noexcept {
    MemoCounters& counters = entries_.counters();
    try {
        const auto start = Clock::now();
        const std::optional<std::string> key = make_ ? cpython::regex_key(pattern, flags) : std::nullopt;
        if (!key) {
            ++counters.not_kept;
            return {};
        }
        const Ref constants = Ref::borrow(entries_.constants_of(*key));
        if (!constants) {
            return {};
        }
        if (PyTuple_GET_SIZE(constants.get()) != 1) {
            ++counters.unreadable;
            return {};
        }
        PyObject* data = PyTuple_GET_ITEM(constants.get(), 0);
        if (!cpython::is_regex_of(data, pattern)) {
            ++counters.missed;
            return {};
        }
        if (!compiler_unchanged()) {
            ++counters.changed;
            return {};
        }
        Ref regex = cpython::make_regex(make_.get(), pattern, data);
        ++counters.served;
        counters.nanoseconds += nanoseconds_since(start);
        return regex;
    } catch (const image::Error&) {
        ++counters.unreadable;
    } catch (const cpython::PythonError&) {
        PyErr_Clear();
        ++counters.unreadable;
    } catch (const std::bad_alloc&) {
        ++counters.unreadable;
    }
    return {};
}

void RegexMemo::note_compiled(PyObject* pattern, PyObject* flags) noexcept {
    try {
        if (lacking_.size() >= most_lacking) {
            return;
        }
        const auto key = make_ ? cpython::regex_key(pattern, flags) : std::nullopt;
        if (!key || PyObject_Size(pattern) > longest_lacking || !compiler_unchanged() || entries_.has(*key)) {
            return;
        }
        if (lacking_keys_.insert(*key).second) {
            lacking_.emplace_back(Ref::borrow(pattern), Ref::borrow(flags));
        }
    } catch (const image::Error&) {  // counted when it was asked for
    } catch (const std::bad_alloc&) {
    }
}

}  // namespace pycds::serve
