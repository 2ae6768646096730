#pragma once

// A hook for audit events that can be taken back, for which PySys_AddAuditHook does not provide: as long as there is
// any, each event (of open, exec, id, sys._getframe …) makes a tuple of its arguments.

#include "python.hpp"

namespace pycds::cpython {

class AuditHook {
  public:
    using Function = int (*)(const char* event, PyObject* arguments, void* nothing);

    // False where there is one written in C already, where another refuses this one, or where the list of hooks is not
    // to be found; `function` may then be called all the same.  Once in a process.  No exception is set.
    [[nodiscard]] bool install(Function function);
    // To be called after install() has given true.  The hook itself may do it; those added since stay.
    void remove() noexcept;

  private:
    struct Entry;
    Entry** head_ = nullptr;
};

}  // namespace pycds::cpython
