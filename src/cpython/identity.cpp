#include "identity.hpp"

#include "python.hpp"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <link.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>

namespace pycds::cpython {

namespace {

using image::IdentityRecord;

struct BuildIdSearch {
    std::uintptr_t address;  // somewhere in the file that holds the runtime
    std::string path;
    std::string id;
};

bool holds(const dl_phdr_info& object, std::uintptr_t address) noexcept {
    return std::any_of(object.dlpi_phdr, object.dlpi_phdr + object.dlpi_phnum, [&](const ElfW(Phdr) & segment) {
        const std::uintptr_t begin = object.dlpi_addr + segment.p_vaddr;
        return segment.p_type == PT_LOAD && address >= begin && address < begin + segment.p_memsz;
    });
}

std::string hexadecimal(const unsigned char* bytes, std::size_t size) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

std::string build_id_in(const char* notes, std::size_t size) {
    constexpr std::size_t alignment = 4;
    const auto padded = [](std::size_t n) { return (n + alignment - 1) / alignment * alignment; };
    std::size_t at = 0;
    while (at + sizeof(ElfW(Nhdr)) <= size) {
        ElfW(Nhdr) note;
        std::memcpy(&note, notes + at, sizeof(note));
        const std::size_t name = at + sizeof(note);
        const std::size_t data = name + padded(note.n_namesz);
        if (data + note.n_descsz > size) {
            break;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes + name, "GNU", 4) == 0) {
            return hexadecimal(reinterpret_cast<const unsigned char*>(notes + data), note.n_descsz);
        }
        at = data + padded(note.n_descsz);
    }
    return {};
}

int visit_object(dl_phdr_info* object, std::size_t /*size*/, void* argument) {
    auto& search = *static_cast<BuildIdSearch*>(argument);
    if (!holds(*object, search.address)) {
        return 0;
    }
    search.path = object->dlpi_name != nullptr && *object->dlpi_name != '\0' ? object->dlpi_name : "/proc/self/exe";
    for (int i = 0; i < object->dlpi_phnum && search.id.empty(); ++i) {
        const ElfW(Phdr) & segment = object->dlpi_phdr[i];
        if (segment.p_type == PT_NOTE) {
            search.id =
                build_id_in(reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr), segment.p_memsz);
        }
    }
    return 1;
}

// The linker's build-id names the exact binary; where it was not asked for one, size and time have to do.
std::string runtime_build() {
    BuildIdSearch search{reinterpret_cast<std::uintptr_t>(&PyUnicode_InternInPlace), {}, {}};
    dl_iterate_phdr(visit_object, &search);
    if (!search.id.empty()) {
        return search.id;
    }
    struct stat status{};
    if (::stat(search.path.c_str(), &status) != 0) {
        return "unknown";
    }
    const std::int64_t mtime = status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
    return std::to_string(status.st_size) + ":" + std::to_string(mtime);
}

Ref import_attribute(const char* module, const char* attribute) {
    const Ref imported = Ref::steal(PyImport_ImportModule(module));
    return Ref::steal(PyObject_GetAttrString(imported.get(), attribute));
}

long optimization_level() {
    PyObject* flags = PySys_GetObject("flags");
    if (flags == nullptr) {
        PyErr_SetString(PyExc_RuntimeError, "sys.flags is missing");
        throw PythonError();
    }
    const Ref level = Ref::steal(PyObject_GetAttrString(flags, "optimize"));
    const long value = PyLong_AsLong(level.get());
    if (value == -1 && PyErr_Occurred() != nullptr) {
        throw PythonError();
    }
    return value;
}

bool has_attribute(PyObject* object, const char* name) { return PyObject_HasAttrString(object, name) != 0; }

// Whether a compiled function has columns: -X no_debug_ranges and PYTHONNODEBUGRANGES are not in sys.flags.  Up to 3.10
// none has.
bool keeps_debug_ranges() {
    const auto* config_code = "(lambda: 0).__code__";
    const Ref globals = Ref::steal(PyDict_New());
    const Ref code = Ref::steal(PyRun_String(config_code, Py_eval_input, globals.get(), globals.get()));
    if (!has_attribute(code.get(), "co_positions")) {
        return false;
    }
    const Ref positions = Ref::steal(PyObject_CallMethod(code.get(), "co_positions", nullptr));
    const Ref list = Ref::steal(PySequence_List(positions.get()));
    if (PyList_GET_SIZE(list.get()) == 0) {
        return true;
    }
    PyObject* last = PyList_GET_ITEM(list.get(), PyList_GET_SIZE(list.get()) - 1);
    const Ref column = Ref::steal(PySequence_GetItem(last, 2));
    return column.get() != Py_None;
}

// -X frozen_modules decides which of the standard library's modules come from files.  Up to 3.10 all do.
bool uses_frozen_modules() {
    const Ref imp = Ref::steal(PyImport_ImportModule("_imp"));
    if (!has_attribute(imp.get(), "find_frozen")) {
        return false;
    }
    const Ref found = Ref::steal(PyObject_CallMethod(imp.get(), "find_frozen", "s", "os"));
    return found.get() != Py_None;
}

void copy_text(std::span<char> field, std::string_view text) {
    std::copy_n(text.begin(), std::min(text.size(), field.size() - 1), field.begin());
}

std::string soabi() {
    const Ref suffixes = import_attribute("_imp", "extension_suffixes");
    const Ref list = Ref::steal(PyObject_CallNoArgs(suffixes.get()));
    const Ref first = Ref::steal(PySequence_GetItem(list.get(), 0));
    const char* text = PyUnicode_AsUTF8(first.get());
    if (text == nullptr) {
        throw PythonError();
    }
    // ".cpython-311-x86_64-linux-gnu.so"
    std::string suffix(text);
    if (suffix.size() > 4 && suffix.front() == '.' && suffix.ends_with(".so")) {
        suffix = suffix.substr(1, suffix.size() - 4);
    }
    return suffix;
}

std::string describe_version(std::uint32_t version) {
    return std::to_string(version >> 24) + "." + std::to_string((version >> 16) & 0xFF) + "." +
           std::to_string((version >> 8) & 0xFF);
}

Mismatch differing_flag(const char* option, const std::string& archived, const std::string& current) {
    return {true, std::string("dumped with ") + option + " " + archived + ", this process has " + current +
                      "; dump it with the same options"};
}

}  // namespace

IdentityRecord current_identity() {
    IdentityRecord identity{};
    identity.version = PY_VERSION_HEX;
    identity.pointer_size = sizeof(void*);
    identity.optimize = static_cast<std::int32_t>(optimization_level());
    identity.flags = (keeps_debug_ranges() ? image::identity_debug_ranges : 0U) |
                     (uses_frozen_modules() ? image::identity_frozen_modules : 0U) |
                     (build_is_supported() ? 0U : image::identity_debug_build);
    copy_text(identity.abi, soabi());
    copy_text(identity.build, runtime_build());
    return identity;
}

std::optional<Mismatch> compare(const IdentityRecord& archived, const IdentityRecord& current) {
    if (archived.version != current.version) {
        return Mismatch{false, "dumped by Python " + describe_version(archived.version) + ", this is " +
                                   describe_version(current.version)};
    }
    if (archived.pointer_size != current.pointer_size ||
        std::string_view(archived.abi) != std::string_view(current.abi) ||
        (archived.flags & image::identity_debug_build) != (current.flags & image::identity_debug_build)) {
        return Mismatch{false, "dumped by another kind of interpreter (" + std::string(archived.abi) + ", this is " +
                                   std::string(current.abi) + ")"};
    }
    if (std::string_view(archived.build) != std::string_view(current.build)) {
        return Mismatch{false, "dumped by another build of Python " + describe_version(current.version)};
    }
    if (archived.optimize != current.optimize) {
        return differing_flag("optimisation level", std::to_string(archived.optimize),
                              std::to_string(current.optimize));
    }
    const auto on_off = [](std::uint32_t bits) { return std::string(bits != 0 ? "on" : "off"); };
    for (const auto& [flag, option] : {std::pair{image::identity_debug_ranges, "debug ranges"},
                                       std::pair{image::identity_frozen_modules, "frozen modules"}}) {
        if ((archived.flags & flag) != (current.flags & flag)) {
            return differing_flag(option, on_off(archived.flags & flag), on_off(current.flags & flag));
        }
    }
    return std::nullopt;
}

bool has_layout_of(const IdentityRecord& identity) noexcept {
    return identity.version == PY_VERSION_HEX && identity.pointer_size == sizeof(void*) &&
           (identity.flags & image::identity_debug_build) == 0 && build_is_supported();
}

bool build_is_supported() noexcept {
    // Asked of the running interpreter: a debug build loads extensions compiled against the release headers, too.
    return PySys_GetObject("gettotalrefcount") == nullptr;
}

}  // namespace pycds::cpython
