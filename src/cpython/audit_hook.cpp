#include "audit_hook.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <vector>

namespace pycds::cpython {

// _Py_AuditHookEntry: Include/internal/pycore_pystate.h (3.8), pycore_runtime.h (3.9 to 3.11), pycore_audit.h.
struct AuditHook::Entry {
    Entry* next;
    Function function;
    void* data;
};

namespace {

using Words = std::span<void*>;

// The list's head is a field of _PyRuntime, within the first 11 kB in all versions; its place is not part of any API
// and need not be known: it is the word that a first hook changes.
constexpr std::size_t most_words = std::size_t{16} * 1024 / sizeof(void*);

Words runtime() noexcept {
    void* const start = ::dlsym(RTLD_DEFAULT, "_PyRuntime");
    Dl_info info{};
    ElfW(Sym)* symbol = nullptr;
    if (start == nullptr || ::dladdr1(start, &info, reinterpret_cast<void**>(&symbol), RTLD_DL_SYMENT) == 0 ||
        symbol == nullptr || info.dli_saddr != start) {
        return {};
    }
    return {static_cast<void**>(start), std::min(symbol->st_size / sizeof(void*), most_words)};
}

// What lies at an address that may be none.
template <typename Value>
bool peek(const void* address, Value& value) noexcept {
    const iovec ours{&value, sizeof(value)};
    const iovec theirs{const_cast<void*>(address), sizeof(value)};
    return ::process_vm_readv(::getpid(), &ours, 1, &theirs, 1, 0) == static_cast<ssize_t>(sizeof(value));
}

}  // namespace

bool AuditHook::install(Function function) {
    const Words words = runtime();
    const std::vector<void*> before(words.begin(), words.end());
    if (words.empty() || PySys_AddAuditHook(function, this) < 0) {
        PyErr_Clear();
        return false;
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
        Entry entry{};
        if (before[i] == nullptr && words[i] != nullptr && peek(words[i], entry) && entry.function == function &&
            entry.data == this) {
            head_ = reinterpret_cast<Entry**>(&words[i]);
            return true;
        }
    }
    return false;
}

// The entry is not freed: the loop that calls the hooks (Python/sysmodule.c, sys_audit_tstate) may be at it.
void AuditHook::remove() noexcept {
    if (Entry* const entry = *head_; entry != nullptr && entry->data == this) {
        *head_ = entry->next;
    }
}

}  // namespace pycds::cpython
