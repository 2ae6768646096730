#include "finder.hpp"

#include "../cpython/identity.hpp"
#include "../cpython/runtime.hpp"
#include "../cpython/text.hpp"
#include "../observe/phase_clock.hpp"
#include "meta_path.hpp"

#include <climits>
#include <new>
#include <unistd.h>

namespace pycds::serve {

namespace {

using cpython::Ref;
using image::Entry;
using image::Reason;

constexpr std::string_view classes_changed = "import classes were changed";
constexpr std::string_view hash_seed_is_fixed = "the hash seed is fixed";

// Text of a str, or nullopt where it has no UTF-8 (surrogates) or is something else.
std::optional<std::string_view> text_of(PyObject* object) noexcept {
    if (!PyUnicode_CheckExact(object)) {
        return std::nullopt;
    }
    const std::string_view text = cpython::view_text(object);
    if (text.empty() && PyUnicode_GET_LENGTH(object) != 0) {
        return std::nullopt;
    }
    return text;
}

// As importlib and Python/fileutils.c, _Py_abspath, have it: nothing is resolved.  Nullopt where there is no working
// directory.
std::optional<std::string> absolute(std::string_view path) {
    if (path.starts_with('/')) {
        return std::string(path);
    }
    char directory[PATH_MAX];
    if (::getcwd(directory, sizeof(directory)) == nullptr) {
        return std::nullopt;
    }
    return std::string(directory) + '/' + std::string(path);
}

bool file_system_encoding_is_utf8() {
    const Ref sys = Ref::steal(PyImport_ImportModule("sys"));
    const Ref encoding = Ref::steal(PyObject_CallMethod(sys.get(), "getfilesystemencoding", nullptr));
    return cpython::view_text(encoding.get()) == "utf-8";
}

}  // namespace

Finder::Finder(std::string path, Validation validation)
    : reader_(std::move(path)), linker_(reader_), directories_(reader_, validation),
      code_check_(directories_, import_system_, validation), served_(reader_.header().modules, false) {
    reader_.check_trust();
    check_identity();
    const auto elapsed = std::chrono::steady_clock::now() - started_;
    statistics_.attach_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(elapsed).count());
}

void Finder::check_identity() const {
    if (!cpython::build_is_supported()) {
        throw image::Error(Reason::unsupported, reader_.path() + ": debug builds of Python cannot use archives");
    }
    if (!file_system_encoding_is_utf8()) {
        throw image::Error(Reason::unsupported, reader_.path() + ": the file system encoding is not UTF-8");
    }
    if (const auto mismatch = cpython::compare(reader_.header().identity, cpython::current_identity())) {
        throw image::Error(mismatch->flags_only ? Reason::flags : Reason::interpreter,
                           reader_.path() + ": " + mismatch->message);
    }
}

std::optional<Entry> Finder::look_up(std::string_view name) {
    try {
        std::optional<Entry> entry = reader_.find(name);
        if (!entry || !entry->is_module()) {
            statistics_.not_archived(name);
            return std::nullopt;
        }
        if (entry->record().ordinal >= served_.size()) {
            reader_.damaged("an entry's number");
        }
        if (served_[entry->record().ordinal]) {
            statistics_.miss(name, "imported again");
            return std::nullopt;
        }
        return entry;
    } catch (const image::Error& error) {
        statistics_.miss(name, to_string(error.reason()));
        return std::nullopt;
    }
}

// Whether PathFinder would now find the module in the directory recorded for it.
bool Finder::certain(const Entry& entry, PyObject* path) {
    const auto kind = static_cast<image::LoaderKind>(entry.record().loader);
    const std::uint32_t directory = entry.record().directory;
    if (kind == image::LoaderKind::zip || kind == image::LoaderKind::other || directory == image::none_index) {
        return false;
    }
    const Ref entries = import_system_.entries_of(path);
    for (Py_ssize_t i = 0; entries && i < PyList_GET_SIZE(entries.get()); ++i) {
        const Ref path_entry = Ref::borrow(PyList_GET_ITEM(entries.get(), i));
        const SearchPath::Verdict verdict = search_path_.judge(path_entry.get(), entry);
        if (verdict != SearchPath::Verdict::holds_nothing) {
            return verdict == SearchPath::Verdict::holds_it;
        }
    }
    return false;
}

// The portions that PathFinder would now find of a namespace package, none of a name that is nowhere; nullopt where
// that is not certain.
std::optional<std::vector<std::string>> Finder::portions_of(const Entry& entry, PyObject* path) {
    if ((entry.record().flags & image::entry_is_contested) != 0) {
        return std::nullopt;
    }
    const Ref entries = import_system_.entries_of(path);
    std::vector<std::string> portions;
    for (Py_ssize_t i = 0; entries && i < PyList_GET_SIZE(entries.get()); ++i) {
        const Ref path_entry = Ref::borrow(PyList_GET_ITEM(entries.get(), i));
        if (search_path_.judge_portion(path_entry.get(), entry, portions) == SearchPath::Verdict::unclear) {
            return std::nullopt;
        }
    }
    return entries ? std::optional(std::move(portions)) : std::nullopt;
}

// A namespace package, or nothing.
void Finder::find_place(Found& found, const Entry& entry, MetaPathWalk& walk, PyObject* name, PyObject* path) {
    std::optional<std::vector<std::string>> portions;
    try {
        // Under -v a search says what it comes by.
        const bool is_known = walk.at_path_finder() && !import_system_.is_verbose();
        portions = is_known ? portions_of(entry, path) : std::nullopt;
    } catch (const image::Error&) {  // the ordinary finders are asked
    }
    found.spec = walk.ask_passed_over();
    if (!found.spec && portions) {
        ++statistics_.resolved;
        if (portions->empty()) {
            walk.leave_path_finder_out();
        } else {
            found.spec = import_system_.make_namespace_spec(name, *portions);
        }
    }
    if (!found.spec) {
        found.spec = walk.ask_rest();
    }
    if (found.spec && entry.is_absent()) {
        statistics_.not_archived(entry.name());  // it is there now
    }
}

SpecTemplate::Made Finder::make_spec(const Entry& entry, PyObject* name) const {
    ImportSystem::FileModule module{
        name, static_cast<image::LoaderKind>(entry.record().loader), entry.origin(), {}, {}};
    if (entry.has_code() && import_system_.asks_for_cached() && import_system_.caches_beside_source()) {
        module.cached = entry.cached();
    }
    if (entry.is_package()) {
        module.locations.emplace();
        for (const image::TextRef location : entry.location_refs()) {
            module.locations->push_back(entry.text(location));
        }
    }
    return import_system_.make_spec(module);
}

// Whether the ordinary finders came to the file whose code is archived; sets `loader` if so.
bool Finder::is_the_recorded(const Entry& entry, PyObject* spec, Ref& loader) const {
    loader = Ref::steal(PyObject_GetAttrString(spec, "loader"));
    const auto kind = import_system_.kind_of(loader.get());
    if (!kind || static_cast<std::uint8_t>(*kind) != entry.record().loader) {
        return false;
    }
    const Ref origin = Ref::steal(PyObject_GetAttrString(spec, "origin"));
    if (!PyUnicode_CheckExact(origin.get())) {
        return false;
    }
    return cpython::encode_text(origin.get()) == entry.origin();
}

// `miss` is set where the archive's code cannot be given.
Found Finder::find_entry(const Entry& entry, MetaPathWalk& walk, PyObject* name, PyObject* path, std::string& miss) {
    Found found;
    if (entry.is_absent() && !walk.is_of_all()) {
        return found;  // the import system goes on to ask the others
    }
    found.spec = walk.ask_first();
    if (!walk.found_ours() && !found.spec) {
        miss = "the finders were wrapped";
        if (walk.is_of_all()) {
            found.spec = walk.ask_rest();
        }
        return found;
    }
    if (!found.spec && entry.is_namespace_or_absent()) {
        find_place(found, entry, walk, name, path);
        return found;
    }
    if (!found.spec) {
        bool is_certain = false;
        try {
            is_certain = walk.at_path_finder() && certain(entry, path);
        } catch (const image::Error& error) {
            miss = to_string(error.reason());  // and the ordinary finders are asked
        }
        // FileFinder finds a file only if it is one at that moment.
        if (is_certain && code_check_.file_is_there(entry)) {
            SpecTemplate::Made made = make_spec(entry, name);
            found.spec = made.spec;
            if (!entry.has_code()) {  // the ordinary loader loads it
                ++statistics_.resolved;
                return found;
            }
            found.loader = made.loader;
            found.made = std::move(made);
            found.entry = &entry.record();
            return found;
        }
        found.spec = walk.ask_rest();
    }
    if (!miss.empty() || !entry.has_code()) {
        return found;
    }
    if (!found.spec) {
        miss = "not found any more";
    } else if (is_the_recorded(entry, found.spec.get(), found.loader)) {
        found.entry = &entry.record();
    } else {
        miss = "found elsewhere";
    }
    return found;
}

Found Finder::find_counted(MetaPathWalk& walk, PyObject* name, PyObject* path) {
    const auto text = text_of(name);
    if (!text) {
        return {};
    }
    const std::optional<Entry> entry = look_up(*text);
    if (!entry) {
        return {};
    }
    std::string miss(classes_changed);
    Found found;
    const std::uint64_t before = walk.is_of_all() ? finds_ : finds_++;
    if (import_system_.classes_unchanged()) {
        miss.clear();
        found = find_entry(*entry, walk, name, path, miss);
        found.is_nowhere = !found.spec && walk.is_of_all();
    }
    const bool is_counted = walk.is_of_all() && finds_ != before;  // a wrapper in sys.meta_path has asked this finder
    if (!miss.empty() && entry->has_code() && !is_counted) {
        statistics_.miss(*text, miss);
    }
    return found;
}

Found Finder::find(PyObject* self, PyObject* name, PyObject* path, PyObject* target) {
    MetaPathWalk walk(self, import_system_, {name, path, target});
    return find_counted(walk, name, path);
}

Found Finder::find_among_all(PyObject* self, PyObject* name, PyObject* path, const Bootstrap& bootstrap) {
    MetaPathWalk walk(self, import_system_, {name, path, Py_None}, &bootstrap);
    return find_counted(walk, name, path);
}

bool Finder::may_serve(PyObject* name) noexcept {
    try {
        const auto text = text_of(name);
        const std::optional<Entry> entry = text ? reader_.find(*text) : std::nullopt;
        return entry && entry->record().ordinal < served_.size() && !served_[entry->record().ordinal] &&
               import_system_.classes_unchanged();
    } catch (const std::exception&) {  // a damaged archive, no memory: find() will count it
        return false;
    }
}

Finder::Examined Finder::examine(PyObject* self, PyObject* name, PyObject* path) {
    const auto text = text_of(name);
    const std::optional<Entry> entry = text ? reader_.find(*text) : std::nullopt;
    if (!entry || !entry->is_module()) {
        return {"not in the archive", {}};
    }
    if (!import_system_.classes_unchanged()) {
        return {std::string(classes_changed), {}};
    }
    std::string miss;
    MetaPathWalk walk(self, import_system_, {name, path, Py_None});
    Found found = find_entry(*entry, walk, name, path, miss);
    if (!miss.empty()) {
        return {miss, std::move(found.spec)};
    }
    const auto objection = entry->has_code() ? code_check_.objection(*entry) : std::nullopt;
    return {objection ? std::optional(std::string(*objection)) : std::nullopt, std::move(found.spec)};
}

Ref Finder::code_for(const image::EntryRecord& record, Between between) noexcept {
    const Entry entry(record);
    if (served_[record.ordinal]) {
        return {};
    }
    try {
        try {
            if (const auto objection = objection_to(entry, between)) {
                statistics_.miss(entry.name(), *objection);
                return {};
            }
            return link(entry);
        } catch (const image::Error& error) {
            statistics_.miss(entry.name(), to_string(error.reason()));
        } catch (const cpython::PythonError&) {
            PyErr_Clear();
            statistics_.miss(entry.name(), "the source could not be checked");
        }
    } catch (const std::bad_alloc&) {  // also while counting the miss
        PyErr_Clear();
    }
    return {};
}

std::optional<std::string_view> Finder::objection_to(const Entry& entry, Between between) {
    if (entry.wants_random_hashes() && !cpython::hashes_are_random()) {
        return hash_seed_is_fixed;
    }
    const observe::PhaseScope scope(observe::Phase::read);
    return code_check_.objection(entry, between);
}

Ref Finder::link(const Entry& entry) noexcept {
    const observe::PhaseScope scope(observe::Phase::link);
    try {
        if (linker_.is_busy()) {
            statistics_.miss(entry.name(), "imported while another module was linked");
            return {};
        }
        served_[entry.record().ordinal] = true;
        try {
            Ref code = Ref::steal(linker_.link(entry.record()));
            statistics_.served.emplace_back(entry.name());
            return code;
        } catch (const image::Error& error) {
            statistics_.miss(entry.name(), to_string(error.reason()));
        } catch (const cpython::PythonError&) {
            PyErr_Clear();
            statistics_.miss(entry.name(), "out of memory");
        }
    } catch (const std::bad_alloc&) {  // also while counting the miss
        PyErr_Clear();
    }
    return {};
}

const image::EntryRecord* Finder::script(PyObject* filename) noexcept {
    try {
        const auto name = text_of(filename);
        const std::optional<Entry> entry = name ? reader_.find(*name) : std::nullopt;
        if (entry && entry->is_script() && entry->record().ordinal < served_.size() &&
            absolute(*name) == entry->stamp_path()) {
            return &entry->record();
        }
    } catch (const std::exception&) {  // a damaged archive, no memory: it is compiled
    }
    return nullptr;
}

std::vector<std::pair<std::string, std::string>> Finder::stale() {
    std::vector<std::pair<std::string, std::string>> modules;
    for (const Entry& entry : reader_.all_entries()) {
        const bool has_file = !entry.is_memo() && entry.has_code();
        const auto objection = has_file ? code_check_.objection(entry) : std::nullopt;
        if (objection) {
            modules.emplace_back(entry.name(), *objection);
        }
    }
    return modules;
}

}  // namespace pycds::serve
