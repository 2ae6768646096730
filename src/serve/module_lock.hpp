#pragma once

#include "../cpython/python.hpp"
#include "bootstrap.hpp"

namespace pycds::serve {

// The lock of a module that ImportPath imports, made only where somebody else comes upon the module.
//
// importlib._bootstrap keeps {name: weak reference to the lock} in _module_locks, and _get_module_lock calls what it
// finds there.  While a module is imported by ImportPath a callable stands there instead, which represents an object of
// this class.  When it is called, by another thread or by the same one in a circular import, it makes the lock that the
// interpreter would have made, held by the importing thread, and from then on everything is as without us.
class ModuleLock {
  public:
    // Of the calling thread.  `callable` is the Python object that represents this one; borrowed by it.
    ModuleLock(const Bootstrap& bootstrap, PyObject* name);

    // Enters `callable` into the table.  Throws PythonError.
    void take(PyObject* callable);
    // Releases the lock; `callable` as before.
    void release(PyObject* callable) noexcept;

    // The lock, held by the importing thread.  Throws PythonError.
    [[nodiscard]] cpython::Ref lock();

    [[nodiscard]] bool is_of_this_thread() const noexcept { return thread_ == PyThread_get_thread_ident(); }

  private:
    void hold();

    const Bootstrap& bootstrap_;
    cpython::Ref name_;
    unsigned long thread_;
    cpython::Ref lock_;  // null as long as nobody has asked
};

}  // namespace pycds::serve
