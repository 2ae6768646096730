#include "code_memo.hpp"

#include <chrono>
#include <new>
#include <optional>

namespace pycds::serve {

using cpython::Ref;

namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t nanoseconds_since(Clock::time_point start) noexcept {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count());
}

}  // namespace

Ref CodeMemo::answer(const cpython::Compilation& compilation) noexcept {
    MemoCounters& counters = entries_.counters();
    ++in_vain_;
    try {
        const auto start = Clock::now();
        const std::optional<std::string> key = cpython::compilation_key(compilation);
        if (!key) {
            ++counters.not_kept;
            return {};
        }
        const bool first = !entries_.was_asked(*key);
        const Ref constants = Ref::borrow(entries_.constants_of(*key));
        if (!constants) {
            counters.repeated += first ? 0U : 1U;
            return {};
        }
        if (PyTuple_GET_SIZE(constants.get()) != 2 || !PyCode_Check(PyTuple_GET_ITEM(constants.get(), 1)) ||
            !cpython::is_compilation(PyTuple_GET_ITEM(constants.get(), 0), compilation)) {
            ++counters.unreadable;
            return {};
        }
        Ref code = Ref::borrow(PyTuple_GET_ITEM(constants.get(), 1));
        entries_.give_up(*key);
        ++counters.served;
        in_vain_ = 0;
        counters.nanoseconds += nanoseconds_since(start);
        return code;
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

void CodeMemo::note_compiled(const cpython::Compilation& compilation) noexcept {
    try {
        if (lacking_.size() >= most_lacking || PyUnicode_GET_LENGTH(compilation.source.get()) > longest_lacking) {
            return;
        }
        const auto key = cpython::compilation_key(compilation);
        if (key && !entries_.has(*key) && lacking_keys_.insert(*key).second) {
            lacking_.push_back(compilation);
        }
    } catch (const image::Error&) {  // counted when it was asked for
    } catch (const std::bad_alloc&) {
    }
}

}  // namespace pycds::serve
