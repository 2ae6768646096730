#include "regex_memo.hpp"

#include "../cpython/regex.hpp"
#include "../cpython/text.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <string>

namespace pycds::serve {

using cpython::Ref;

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
    return entries_.answer([&] { return look_up(pattern, flags); });
}

Ref RegexMemo::look_up(PyObject* pattern, PyObject* flags) {
    MemoCounters& counters = entries_.counters();
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
    return cpython::make_regex(make_.get(), pattern, data);
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
