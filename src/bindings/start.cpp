// The short way through the start-up hook: what pycds/_startup.py does where an archive is to be served and nothing is
// out of the ordinary, without importing it.  Whatever is unusual (messages, an archive that is refused, a command line
// with rare options) is left to it before anything has changed here.

#include "start.hpp"

#include "../cpython/error_state.hpp"
#include "../cpython/text.hpp"
#include "boundary.hpp"
#include "memo_types.hpp"
#include "script_hook.hpp"

#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pycds::bindings {

namespace {

using cpython::Ref;

// As os.environ.get(name, "") has it: .pth files that came before may have changed both.
std::string_view variable(const char* name) noexcept {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

bool is_set(const char* name) noexcept { return std::getenv(name) != nullptr; }

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) noexcept {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// secure_getenv(3), as _startup.is_secure_execution().
bool is_secure_execution() noexcept {
    return ::getauxval(AT_SECURE) != 0 || ::getuid() != ::geteuid() || ::getgid() != ::getegid();
}

// One or several, absolute.
bool names_whole_paths(std::string_view archives) noexcept {
    const auto is_relative = [](std::string_view rest) { return !rest.starts_with('/'); };
    for (auto separator = archives.find(':'); separator != std::string_view::npos; separator = archives.find(':')) {
        if (is_relative(archives)) {
            return false;
        }
        archives.remove_prefix(separator + 1);
    }
    return !is_relative(archives);
}

// Whether the variables ask for archives and for nothing that has to be told or done before one is attached.
bool asks_for_an_archive_alone() noexcept {
    const std::string_view list = variable("PYCDSLIST");
    const std::string_view statistics = variable("PYCDSSTATS");
    return variable("PYCDSMODE") == "SHARE" && names_whole_paths(variable("PYCDSARCHIVE")) && !is_set("PYCDSPHASES") &&
           is_one_of(variable("PYCDSPOLICY"), {"", "auto", "on"}) && is_one_of(variable("PYCDSVERBOSE"), {"", "0"}) &&
           is_one_of(variable("PYCDSVALIDATION"), {"", "exact", "digest", "sealed"}) &&
           is_one_of(variable("PYCDSMEMO"), {"", "on", "off"}) && (list.empty() || list.starts_with('/')) &&
           (statistics.empty() || statistics.starts_with('/'));
}

// What is left to Python once the archive is attached: _startup.finish().
bool asks_for_more() noexcept {
    return is_set("PYCDSSTATS") || is_set("PYCDSREFRESH") ||
           !is_one_of(variable("PYCDSSTARTUPGC"), {"", "archive", "off"}) ||
           !is_one_of(variable("PYCDSFASTEXIT"), {"", "archive", "off"});
}

PyObject* of_sys(const char* name) noexcept { return PySys_GetObject(name); }

// Of a list in sys; nothing where it is none or the word is not text that UTF-8 can hold.
std::optional<std::string_view> word_of(PyObject* list, Py_ssize_t index) noexcept {
    if (list == nullptr || !PyList_Check(list) || index >= PyList_GET_SIZE(list)) {
        return std::nullopt;
    }
    Py_ssize_t size = 0;
    PyObject* word = PyList_GET_ITEM(list, index);
    const char* text = PyUnicode_Check(word) ? PyUnicode_AsUTF8AndSize(word, &size) : nullptr;
    if (text == nullptr) {
        PyErr_Clear();
        return std::nullopt;
    }
    return std::string_view(text, static_cast<std::size_t>(size));
}

bool names_pycds(std::string_view word, bool is_module) noexcept {
    return is_module ? is_one_of(word, {"pycds", "cds.dump"}) : word == "pycds" || word.ends_with("/pycds");
}

enum class Running : std::uint8_t { script, something_else, unknown };

// What the interpreter was started with, if its options before that are of the usual ones: see _startup.is_pycds() and
// script() for all of them.
Running running() noexcept {
    constexpr std::array<std::string_view, 9> usual = {"-u", "-B", "-E", "-s", "-I", "-O", "-OO", "-q", "-b"};
    PyObject* command = of_sys("orig_argv");  // from 3.10 on
    Py_ssize_t at = 1;
    std::optional<std::string_view> word = word_of(command, at);
    while (word && std::find(usual.begin(), usual.end(), *word) != usual.end()) {
        word = word_of(command, ++at);
    }
    if (!word || word->empty()) {
        return Running::unknown;
    }
    if (*word == "-c") {
        return Running::something_else;
    }
    if (*word == "-m") {
        const auto module = word_of(command, at + 1);
        return module && !names_pycds(*module, true) ? Running::something_else : Running::unknown;
    }
    return word->front() != '-' && !names_pycds(*word, false) ? Running::script : Running::unknown;
}

bool is_final_release() noexcept {
    PyObject* version = of_sys("hexversion");
    const long value = version != nullptr && PyLong_Check(version) ? PyLong_AsLong(version) : 0;
    return (value & 0xF0) >= 0xC0;  // as _startup.require_final()
}

bool inspects() {
    PyObject* flags = of_sys("flags");
    const Ref inspect = Ref::steal(PyObject_GetAttrString(flags == nullptr ? Py_None : flags, "inspect"));
    return PyObject_IsTrue(inspect.get()) != 0;
}

// The filename that the script's code will have: _startup.script().  Null where that is not known.
Ref script_filename() {
    const auto word = word_of(of_sys("argv"), 0);
    if (!word || word->empty() || word->front() == '-' || inspects()) {
        return {};
    }
    if (word->front() == '/') {
        return cpython::decode_text(*word);
    }
    std::array<char, 4096> directory{};
    if (::getcwd(directory.data(), directory.size()) == nullptr) {
        return {};
    }
    return cpython::decode_text(std::string(directory.data()) + "/" + std::string(*word));
}

// The archives that PYCDSARCHIVE names, the one that is asked last at the head.
std::vector<Ref> open_archives(const ModuleState& state) {
    const std::string_view validation = variable("PYCDSVALIDATION");
    std::vector<Ref> finders;
    for (std::string_view rest = variable("PYCDSARCHIVE"); !rest.empty();) {
        const auto separator = rest.rfind(':');
        const std::string_view path = separator == std::string_view::npos ? rest : rest.substr(separator + 1);
        rest = rest.substr(0, separator == std::string_view::npos ? 0 : separator);
        const Ref decoded = cpython::decode_text(path);
        finders.push_back(Ref::steal(PyObject_CallFunction(
            reinterpret_cast<PyObject*>(state.finder), "Osi", decoded.get(),
            validation.empty() ? "exact" : validation.data(), variable("PYCDSMEMO") == "off" ? 0 : 1)));
    }
    return finders;
}

// All of them or, where that fails, none.
void attach(const ModuleState& state, const std::vector<Ref>& finders) {
    PyObject* meta_path = of_sys("meta_path");
    if (meta_path == nullptr) {
        PyErr_SetString(PyExc_RuntimeError, "there is no sys.meta_path");
        throw cpython::PythonError();
    }
    Py_ssize_t inserted = 0;
    for (const Ref& finder : finders) {
        const bool is_noted = PyList_Append(state.attached, finder.get()) == 0;
        if (!is_noted || PyList_Insert(meta_path, 0, finder.get()) < 0) {
            const cpython::ErrorState keep;
            PyList_SetSlice(state.attached, 0, PyList_GET_SIZE(state.attached), nullptr);  // which takes no memory
            PyList_SetSlice(meta_path, 0, inserted, nullptr);
            throw cpython::PythonError();
        }
        ++inserted;
    }
}

// Each of these may fail for want of memory: then it is done as it ever was.
void serve_besides(PyObject* module, const Ref& finder) {
    const ModuleState& state = state_of_module(module);
    (void)Ref::steal_or_null(serve_compilations(module, finder.get()));
    PyErr_Clear();
    const Ref path =
        Ref::steal_or_null(PyObject_CallFunction(reinterpret_cast<PyObject*>(state.import_path), "O", finder.get()));
    if (path) {
        (void)Ref::steal_or_null(PyObject_CallMethod(path.get(), "install", nullptr));
    }
    PyErr_Clear();
}

void serve_main_script(PyObject* module, const Ref& finder, const Ref& filename) {
    const Ref arguments = filename ? Ref::steal_or_null(PyTuple_Pack(2, finder.get(), filename.get())) : Ref();
    if (arguments) {
        (void)Ref::steal_or_null(serve_script(module, arguments.get()));
    }
    PyErr_Clear();
}

bool has_options(const Ref& finder) {
    const Ref options = Ref::steal(PyObject_CallMethod(finder.get(), "options", nullptr));
    return PyList_GET_SIZE(options.get()) != 0;
}

}  // namespace

PyObject* start(PyObject* module, PyObject* /*nothing*/) {
    ModuleState& state = state_of_module(module);
    return guarded(state, static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        if (!asks_for_an_archive_alone() || is_secure_execution() || !is_final_release()) {
            Py_RETURN_FALSE;
        }
        const Running what = running();
        if (what == Running::unknown) {
            Py_RETURN_FALSE;
        }
        const Ref filename = what == Running::script ? script_filename() : Ref();
        const std::vector<Ref> finders = open_archives(state);
        attach(state, finders);
        for (const Ref& finder : finders) {
            serve_besides(module, finder);
        }
        const Ref& finder = finders.back();
        serve_main_script(module, finder, filename);
        if (asks_for_more() || has_options(finder)) {
            const Ref startup = Ref::steal(PyImport_ImportModule("pycds._startup"));
            (void)Ref::steal(PyObject_CallMethod(startup.get(), "finish", nullptr));
        }
        Py_RETURN_TRUE;
    });
}

}  // namespace pycds::bindings
