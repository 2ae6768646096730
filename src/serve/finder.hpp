#pragma once

// serve: what the finder decides.  The Python objects it is reached through are in bindings/.
//
// Two moments matter.  When a module is looked up, find() answers with the spec that the ordinary finders would give,
// without asking them where it is certain what they would say.  When the loader is asked for the code, code_for()
// makes sure that the ordinary loader would come to the same code at that moment, and links the segment.  Wherever
// there is doubt the ordinary machinery does the work, and the reason is counted.

#include "../cpython/python.hpp"
#include "../image/reader.hpp"
#include "code_check.hpp"
#include "code_memo.hpp"
#include "directories.hpp"
#include "import_system.hpp"
#include "linker.hpp"
#include "meta_path.hpp"
#include "regex_memo.hpp"
#include "search_path.hpp"
#include "statistics.hpp"
#include "validation.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pycds::serve {

// The answer to a look-up: no spec (the import system asks the next finder), a spec to be passed on as it is, or one
// whose loader shall be given the archived code.
struct Found {
    cpython::Ref spec;
    cpython::Ref loader;
    const image::EntryRecord* entry = nullptr;
    // Without a spec: all finders were asked, or what they would say is known, and nothing is found.
    bool is_nowhere = false;
    // Set where the spec was made here.
    std::optional<SpecTemplate::Made> made;
};

class Finder {
  public:
    // Throws image::Error (with the reasons interpreter, flags and unsupported besides the reader's), PythonError.
    Finder(std::string path, Validation validation);

    // `self` is the finder's place in sys.meta_path.  Throws PythonError.
    [[nodiscard]] Found find(PyObject* self, PyObject* name, PyObject* path, PyObject* target);

    // For ImportPath, which does the work of importlib._bootstrap._find_spec: all finders are asked.  Throws
    // PythonError.
    [[nodiscard]] Found find_among_all(PyObject* self, PyObject* name, PyObject* path, const Bootstrap& bootstrap);
    // Whether the archive has the module, and has not served it.  Nothing is counted.
    [[nodiscard]] bool may_serve(PyObject* name) noexcept;

    // The script that the interpreter runs under this filename, if the archive has it.
    [[nodiscard]] const image::EntryRecord* script(PyObject* filename) noexcept;

    // The archived code, or null where the loader's own get_code must answer.  Throws nothing: a failure is a miss.
    [[nodiscard]] cpython::Ref code_for(const image::EntryRecord& record, Between between) noexcept;

    void count_direct() noexcept { ++statistics_.direct; }

    void invalidate_caches() noexcept { directories_.invalidate(); }

    // Modules whose code is not what a plain import would load from the file recorded, with the reason.  Throws
    // image::Error, PythonError.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> stale();

    // What find() and code_for() would say now, without counting or linking: the reason of a miss (nullopt for a hit)
    // and the spec, null where nothing is found.  Throws PythonError.
    struct Examined {
        std::optional<std::string> miss;
        cpython::Ref spec;
    };
    [[nodiscard]] Examined examine(PyObject* self, PyObject* name, PyObject* path);

    [[nodiscard]] const Statistics& statistics() const noexcept { return statistics_; }
    [[nodiscard]] const LinkCounters& link_counters() const noexcept { return linker_.counters(); }
    [[nodiscard]] image::Reader& reader() noexcept { return reader_; }
    [[nodiscard]] RegexMemo& regexes() noexcept { return regexes_; }
    [[nodiscard]] CodeMemo& codes() noexcept { return codes_; }
    // Whether the code of a module was given, or at least found to be what a plain import loads.
    [[nodiscard]] bool was_served(const image::EntryRecord& record) const noexcept { return served_[record.ordinal]; }
    [[nodiscard]] ImportSystem& import_system() noexcept { return import_system_; }

  private:
    void check_identity() const;
    [[nodiscard]] std::optional<image::Entry> look_up(std::string_view name);
    [[nodiscard]] Found find_counted(MetaPathWalk& walk, PyObject* name, PyObject* path);
    [[nodiscard]] Found find_entry(const image::Entry& entry, MetaPathWalk& walk, PyObject* name, PyObject* path,
                                   std::string& miss);
    void find_place(Found& found, const image::Entry& entry, MetaPathWalk& walk, PyObject* name, PyObject* path);
    [[nodiscard]] std::optional<std::vector<std::string>> portions_of(const image::Entry& entry, PyObject* path);
    [[nodiscard]] bool certain(const image::Entry& entry, PyObject* path);
    [[nodiscard]] SpecTemplate::Made make_spec(const image::Entry& entry, PyObject* name) const;
    [[nodiscard]] bool is_the_recorded(const image::Entry& entry, PyObject* spec, cpython::Ref& loader) const;
    [[nodiscard]] std::optional<std::string_view> objection_to(const image::Entry& entry, Between between);
    [[nodiscard]] cpython::Ref link(const image::Entry& entry) noexcept;

    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();  // first: attaching is timed
    image::Reader reader_;
    ImportSystem import_system_;
    Linker linker_;
    Directories directories_;
    SearchPath search_path_{directories_, import_system_.path_importers()};
    CodeCheck code_check_;
    RegexMemo regexes_{reader_, linker_};
    CodeMemo codes_{reader_, linker_};
    Statistics statistics_;
    std::vector<bool> served_;  // by ordinal
    std::uint64_t finds_ = 0;   // how often importlib, or what a program has put around this finder, has asked it
};

}  // namespace pycds::serve
