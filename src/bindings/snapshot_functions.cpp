// Snapshots of this process.  On machines that they are not for, each function says so.

#include "snapshot_functions.hpp"

#include "../image/error.hpp"
#include "../snapshot/dump.hpp"
#include "boundary.hpp"
#include "conversions.hpp"

#include <memory>

namespace pycds::bindings {

namespace {

using cpython::check;
using cpython::Ref;

// Forks as os.fork() does, with all that Python does around it.  -1 with a Python exception.
int fork_as_python() {
    PyObject* os = PyImport_ImportModule("os");
    PyObject* number = os != nullptr ? PyObject_CallMethod(os, "fork", nullptr) : nullptr;
    const long child = number != nullptr ? PyLong_AsLong(number) : -1;
    Py_XDECREF(number);
    Py_XDECREF(os);
    return static_cast<int>(child);
}

Ref from_bytes(const char* const* texts) {
    Ref list = Ref::steal(PyList_New(0));
    for (; *texts != nullptr; ++texts) {
        const Ref text = Ref::steal(PyBytes_FromString(*texts));
        check(PyList_Append(list.get(), text.get()));
    }
    return list;
}

}  // namespace

PyObject* snapshot_prepare(PyObject* module, PyObject* /*nothing*/) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr),
                   [] { return snapshot::prepare() ? Py_NewRef(Py_None) : PyErr_NoMemory(); });
}

PyObject* snapshot_dump(PyObject* module, PyObject* arguments) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* lists = nullptr;
        PyObject* texts = nullptr;
        int no_terminals = 0;
        long long began = 0;
        if (PyArg_ParseTuple(arguments, "OOpL", &lists, &texts, &no_terminals, &began) == 0) {
            return nullptr;
        }
        auto owner = std::make_unique<snapshot::Request>();
        snapshot::Request& request = *owner;
        request.no_terminals = no_terminals != 0;
        request.began = began;
        Py_ssize_t next = 0;
        for (auto* list :
             {&request.command, &request.watched, &request.looked_at, &request.environment, &request.free_names}) {
            *list = to_texts(Ref::steal(PySequence_GetItem(lists, next++)).get());
        }
        next = 0;
        for (auto* text : {&request.path, &request.directory, &request.host, &request.python, &request.made_by}) {
            *text = to_text(Ref::steal(PySequence_GetItem(texts, next++)).get());
        }
        const auto [arrival, problem] = snapshot::dump(request, fork_as_python);
        if (PyErr_Occurred() != nullptr) {
            return nullptr;  // no fork
        }
        if (*problem != '\0') {
            throw image::Error(image::Reason::unsupported, problem);
        }
        if (arrival == nullptr) {
            return Py_NewRef(Py_None);
        }
        (void)owner.release();  // to free it would copy pages of a restored process
        return Py_BuildValue("NN", from_bytes(arrival->arguments).release(),
                             from_bytes(arrival->environment).release());
    });
}

}  // namespace pycds::bindings
