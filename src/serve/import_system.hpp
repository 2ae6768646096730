#pragma once

// The pieces of importlib that specs and loaders are made of, looked up once per interpreter.

#include "../cpython/python.hpp"
#include "../image/format.hpp"
#include "path_importers.hpp"
#include "spec_template.hpp"
#include "sys_module.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pycds::serve {

class ImportSystem {
  public:
    // Throws PythonError.
    ImportSystem();

    // A spec as importlib.util.spec_from_file_location makes it, with a new SourceFileLoader or SourcelessFileLoader.
    struct FileModule {
        PyObject* name;  // borrowed str
        image::LoaderKind loader;
        std::string_view origin;
        std::optional<std::string_view> cached;
        std::optional<std::vector<std::string_view>> locations;
    };
    [[nodiscard]] SpecTemplate::Made make_spec(const FileModule& module) const;
    // A spec as PathFinder makes it for a namespace package of these portions.  Throws PythonError.
    [[nodiscard]] cpython::Ref make_namespace_spec(PyObject* name, const std::vector<std::string>& portions) const;

    // The classes that find and load modules are as they were: no program has replaced a method of theirs.  That
    // PathFinder finds distributions no more is no such change: importlib_metadata, the package, takes that over.
    [[nodiscard]] bool classes_unchanged() const noexcept;

    // Exact type, as the ordinary finders would have made it; nullopt for any other loader.
    [[nodiscard]] std::optional<image::LoaderKind> kind_of(PyObject* loader) const noexcept;

    // Finders that never find what is a file: they can be passed over.
    [[nodiscard]] bool ignores_files(PyObject* finder) const noexcept;
    [[nodiscard]] bool is_path_finder(PyObject* finder) const noexcept { return finder == path_finder_.get(); }

    // The entries of a path that PathFinder is given, as a list; null for a path that is neither a list nor that of a
    // namespace package, which may look for its portions again.  None is sys.path.  Throws PythonError.
    [[nodiscard]] cpython::Ref entries_of(PyObject* path) const;

    // What the import system does with a finder that has no find_spec: older ones ask find_module, newer ones nothing.
    // Null where that finds nothing.  Throws PythonError.
    [[nodiscard]] cpython::Ref find_spec_without(PyObject* finder, PyObject* name, PyObject* path) const;

    // Which finders PathFinder asks.
    [[nodiscard]] PathImporters& path_importers() noexcept { return path_importers_; }

    // Whether making a module asks its spec for `cached`, and thereby has the spec work it out: for `__cached__`, which
    // newer versions have no more.  Their specs have none until a program asks.
    [[nodiscard]] bool asks_for_cached() const noexcept { return asks_for_cached_; }
    // What the file name of a module's pyc depends on besides the source's path: sys.pycache_prefix is None.
    [[nodiscard]] bool caches_beside_source() const;
    // importlib.util.cache_from_source, in the file system encoding.  Throws PythonError.
    [[nodiscard]] std::string cache_from_source(std::string_view source) const;

    // importlib tells what it does (-v).
    [[nodiscard]] bool is_verbose() const noexcept { return is_verbose_; }
    [[nodiscard]] const SysModule& sys() const noexcept { return sys_; }

    // "get_code", interned.
    [[nodiscard]] PyObject* get_code_name() const noexcept { return get_code_.get(); }

  private:
    [[nodiscard]] std::array<unsigned, 7> class_versions() const noexcept;
    void give_versions() const;
    [[nodiscard]] bool finds_modules_as_before() const;

    SysModule sys_;
    bool is_verbose_ = sys_.is_verbose();
    SpecTemplate spec_template_;
    cpython::Ref module_spec_;
    cpython::Ref namespace_path_;  // gets another version from PathFinder.invalidate_caches(), which counts in it
    cpython::Ref source_loader_;
    cpython::Ref sourceless_loader_;
    cpython::Ref extension_loader_;
    cpython::Ref zip_importer_;
    cpython::Ref file_finder_;
    cpython::Ref path_finder_;
    cpython::Ref builtin_importer_;
    cpython::Ref frozen_importer_;
    cpython::Ref cache_from_source_;
    cpython::Ref find_spec_legacy_;  // null where there is none
    bool asks_for_cached_ = false;
    PathImporters path_importers_;
    cpython::Ref path_finder_attributes_;
    mutable std::array<unsigned, 7> class_versions_{};

    cpython::Ref get_code_;
};

}  // namespace pycds::serve
