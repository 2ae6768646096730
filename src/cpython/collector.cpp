#include "collector.hpp"

namespace pycds::cpython {

Ref tracked_instances(const std::unordered_set<const PyTypeObject*>& types) {
    const Ref gc = Ref::steal(PyImport_ImportModule("gc"));
    const Ref get_objects = Ref::steal(PyObject_GetAttrString(gc.get(), "get_objects"));
    const Ref objects = Ref::steal(PyObject_CallNoArgs(get_objects.get()));
    Ref found = Ref::steal(PyList_New(0));
    if (!PyList_Check(objects.get())) {  // the program has put a function of its own there
        PyErr_SetString(PyExc_TypeError, "gc.get_objects() gives no list");
        throw PythonError();
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects.get()); ++i) {
        PyObject* object = PyList_GET_ITEM(objects.get(), i);
        if (types.contains(Py_TYPE(object))) {
            check(PyList_Append(found.get(), object));
        }
    }
    return found;
}

}  // namespace pycds::cpython
