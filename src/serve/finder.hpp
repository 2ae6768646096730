#pragma once

// serve: what the finder decides.  The Python objects it is reached through are in bindings/.
//
// Two moments matter.  When a module is looked up, find() answers with the spec that the ordinary finders would give,
// without asking them where it is certain what they would say.  When the loader is asked for the code, code_for()
// checks the source's stamp, as the ordinary loader would do at that moment, and links the segment.  Wherever there is
// doubt the ordinary machinery does the work, and the reason is counted.

#include "../cpython/python.hpp"
#include "../image/reader.hpp"
#include "import_system.hpp"
#include "linker.hpp"
#include "search_path.hpp"
#include "statistics.hpp"

#include <chrono>
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
};

class Finder {
  public:
    // Throws image::Error (with the reasons interpreter, flags and unsupported besides the reader's), PythonError.
    explicit Finder(std::string path);

    // `self` is the finder's place in sys.meta_path.  Throws PythonError.
    [[nodiscard]] Found find(PyObject* self, PyObject* name, PyObject* path, PyObject* target);

    // The archived code, or null where the loader's own get_code must answer.  Throws nothing: a failure is a miss.
    [[nodiscard]] cpython::Ref code_for(const image::EntryRecord& record) noexcept;

    void invalidate_caches() noexcept { search_path_.invalidate_caches(); }

    // Modules whose stamped file is gone or changed, with the reason.  Throws image::Error.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> stale();

    [[nodiscard]] const Statistics& statistics() const noexcept { return statistics_; }
    [[nodiscard]] const LinkCounters& link_counters() const noexcept { return linker_.counters(); }
    [[nodiscard]] image::Reader& reader() noexcept { return reader_; }
    [[nodiscard]] ImportSystem& import_system() noexcept { return import_system_; }

  private:
    void check_identity() const;
    [[nodiscard]] std::optional<image::Entry> look_up(std::string_view name);
    [[nodiscard]] bool certain(const image::Entry& entry, std::string_view name, PyObject* path);
    [[nodiscard]] cpython::Ref make_spec(const image::Entry& entry, PyObject* name) const;
    [[nodiscard]] bool is_the_recorded(const image::Entry& entry, PyObject* spec, cpython::Ref& loader) const;
    [[nodiscard]] cpython::Ref link(const image::Entry& entry) noexcept;

    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();  // first: attaching is timed
    image::Reader reader_;
    ImportSystem import_system_;
    Linker linker_;
    SearchPath search_path_;
    Statistics statistics_;
    std::vector<bool> served_;  // by ordinal
};

}  // namespace pycds::serve
