#include "module_lock.hpp"

#include "../cpython/error_state.hpp"

namespace pycds::serve {

using cpython::check;
using cpython::Ref;

ModuleLock::ModuleLock(const Bootstrap& bootstrap, PyObject* name)
    : bootstrap_(bootstrap), name_(Ref::borrow(name)), thread_(PyThread_get_thread_ident()) {}

void ModuleLock::take(PyObject* callable) { check(PyDict_SetItem(bootstrap_.module_locks(), name_.get(), callable)); }

Ref ModuleLock::lock() {
    if (!lock_) {
        // Called from within _get_module_lock, which holds the import lock: nobody else looks at the table.
        check(PyDict_DelItem(bootstrap_.module_locks(), name_.get()));
        lock_ = bootstrap_.get_module_lock(name_.get());
        hold();
    }
    return lock_;
}

// What _ModuleLock.acquire leaves behind in a lock that was free.
void ModuleLock::hold() {
    const Ref owner = Ref::steal(PyLong_FromUnsignedLong(thread_));
    check(PyObject_SetAttrString(lock_.get(), "owner", owner.get()));
    const Ref count = Ref::steal(PyObject_GetAttrString(lock_.get(), "count"));
    if (PyList_CheckExact(count.get())) {  // a list of True from 3.12 on, a number before
        check(PyList_Append(count.get(), Py_True));
    } else {
        const Ref once = Ref::steal(PyLong_FromLong(1));
        check(PyObject_SetAttrString(lock_.get(), "count", once.get()));
    }
}

void ModuleLock::release(PyObject* callable) noexcept {
    const cpython::ErrorState kept;
    if (lock_) {
        if (!Ref::steal_or_null(PyObject_CallMethod(lock_.get(), "release", nullptr))) {
            PyErr_WriteUnraisable(lock_.get());
        }
        lock_.clear();
    } else if (PyDict_GetItem(bootstrap_.module_locks(), name_.get()) == callable &&
               PyDict_DelItem(bootstrap_.module_locks(), name_.get()) < 0) {
        PyErr_WriteUnraisable(name_.get());
    }
}

}  // namespace pycds::serve
