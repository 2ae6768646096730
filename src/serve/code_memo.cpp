#include "code_memo.hpp"

#include <new>
#include <optional>

namespace pycds::serve {

using cpython::Ref;

Ref CodeMemo::answer(const cpython::Compilation& compilation) noexcept {
    ++in_vain_;
    Ref code = entries_.answer([&] { return look_up(compilation); });
    if (code) {
        in_vain_ = 0;
    }
    return code;
}

Ref CodeMemo::look_up(const cpython::Compilation& compilation) {
    MemoCounters& counters = entries_.counters();
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
    return code;
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
