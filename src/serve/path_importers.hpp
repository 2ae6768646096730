#pragma once

// sys.path_importer_cache: which finder PathFinder asks for an entry of a search path.
//
// A served import does not ask it, but leaves there what PathFinder would have left, so that a program that looks, or
// that changes sys.path_hooks later on, finds what it would find without us (importlib._bootstrap_external,
// PathFinder._path_importer_cache).

#include "../cpython/python.hpp"

#include <array>
#include <string_view>

namespace pycds::serve {

class PathImporters {
  public:
    PathImporters() = default;
    // Throws PythonError.
    PathImporters(PyObject* external, PyObject* zipimport);

    enum class Importer {
        unknown,      // none is cached, and the hooks are those of every interpreter
        file_finder,  // an ordinary FileFinder for this key
        zip,          // an ordinary zipimporter for this key, which is a whole zip file
        none,         // no hook wanted it when it was first asked for
        another,      // something else, or something else may come: nothing can be said
    };
    // For a key of the cache: an entry of the path, but the current directory for ''.  Throws PythonError.
    [[nodiscard]] Importer of(PyObject* key);

    // What PathFinder would cache for a key that is `unknown`: of a directory, of nothing, or of anything else.
    // Throws PythonError.
    void add_file_finder(PyObject* key);
    void add_none(PyObject* key);
    void add_as_path_finder_does(PyObject* key);

  private:
    [[nodiscard]] bool hooks_are_ordinary();
    void take_template(PyObject* hook);
    [[nodiscard]] bool is_ordinary(const cpython::Ref& attributes) const;
    [[nodiscard]] bool suffixes_are_ordinary() const;

    cpython::Ref file_finder_;  // types, and methods of theirs
    cpython::Ref zip_importer_;
    cpython::Ref path_importer_cache_;  // of PathFinder
    cpython::Ref ordinary_loaders_;     // (suffix, loader) of an ordinary FileFinder
    cpython::Ref loaders_name_;         // interned: "_loaders", and so on
    cpython::Ref path_name_;
    cpython::Ref archive_name_;
    cpython::Ref prefix_name_;
    cpython::Ref no_text_;
    cpython::Ref no_arguments_;
    cpython::Ref attributes_;  // of a new FileFinder
    cpython::Ref hook_;        // the one that makes FileFinders, found to be ordinary
    // SOURCE_SUFFIXES and BYTECODE_SUFFIXES, with which the hook makes them; and as they were.
    std::array<cpython::Ref, 2> suffixes_;
    std::array<cpython::Ref, 2> ordinary_suffixes_;
};

}  // namespace pycds::serve
