#pragma once

#include "../cpython/python.hpp"
#include "bootstrap.hpp"
#include "import_system.hpp"

#include <vector>

namespace pycds::serve {

// The finders in sys.meta_path, asked in two steps as importlib._bootstrap._find_spec asks them.  Between the steps it
// is decided whether the second is needed.  Those before ours have been asked already where ours was asked by
// _find_spec; ImportPath asks all of them, and holds the import lock meanwhile.
class MetaPathWalk {
  public:
    // Borrowed, all of them: the arguments of a find_spec.
    struct Question {
        PyObject* name;
        PyObject* path;
        PyObject* target;
    };
    MetaPathWalk(PyObject* self, const ImportSystem& import_system, Question question,
                 const Bootstrap* all_for = nullptr) noexcept
        : self_(self), import_system_(import_system), question_(question), all_for_(all_for) {}

    // Asks the finders in front of PathFinder, but for those that never find what is a file.  A spec, or null where
    // none of them has one; at_path_finder() then tells whether there is a PathFinder to be asked next.  Throws
    // PythonError: what a finder raises, the import raises.
    [[nodiscard]] cpython::Ref ask_first();
    [[nodiscard]] bool at_path_finder() const noexcept { return at_path_finder_; }
    // Ours is in sys.meta_path, itself or in a wrapper like those of all that follow up to PathFinder; and not in
    // something else that a program has put in its place.
    [[nodiscard]] bool found_ours() const noexcept { return found_ours_; }
    [[nodiscard]] bool is_of_all() const noexcept { return all_for_ != nullptr; }

    // Asks those that were passed over, if they have not been asked, then PathFinder and all that are behind it.
    [[nodiscard]] cpython::Ref ask_rest();
    [[nodiscard]] cpython::Ref ask_passed_over();
    // PathFinder, which ask_first() came to, has nothing to say.
    void leave_path_finder_out() noexcept { ++next_; }

  private:
    [[nodiscard]] cpython::Ref ask(PyObject* finder) const;
    [[nodiscard]] cpython::Ref ask_unlocked(PyObject* finder) const;
    [[nodiscard]] bool is_ours(PyObject* finder) noexcept;
    [[nodiscard]] cpython::Ref unwrapped(PyObject* finder) const noexcept;

    PyObject* self_;
    const ImportSystem& import_system_;
    Question question_;
    const Bootstrap* all_for_;
    std::vector<cpython::Ref> passed_over_;
    cpython::Ref meta_path_;
    Py_ssize_t next_ = 0;
    PyTypeObject* wrapper_ = nullptr;  // what ours is wrapped in
    bool at_path_finder_ = false;
    bool found_ours_ = false;
};

}  // namespace pycds::serve
