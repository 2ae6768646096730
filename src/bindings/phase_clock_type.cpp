// PhaseClock: the clock of `pycds bench --explain`, for the thread that makes it; and read_phases(), which reads what
// it has left.

#include "../observe/phase_clock.hpp"

#include "boundary.hpp"
#include "conversions.hpp"
#include "owner.hpp"
#include "phase_types.hpp"

namespace pycds::bindings {

namespace {

using cpython::Ref;
using observe::Phase;

struct Observation {
    Observation(const std::string& path, std::int64_t begun_ns, std::int64_t attached_ns)
        : clock(path, begun_ns, attached_ns) {}
    Observation(const Observation&) = delete;
    Observation& operator=(const Observation&) = delete;
    ~Observation();

    observe::PhaseClock clock;
    Ref awaited;  // the name of a module
    Ref waiting;  // what is called with its globals when its body has been run
};
using ClockOwner = Owner<Observation>;

// Beside observe::active, and null when that is.
constinit thread_local Observation* current = nullptr;

Observation::~Observation() {
    if (current == this) {
        current = nullptr;
    }
}

// The clock lives as long as the module: what is counted last is the end of the interpreter.
int initialise(PyObject* self, PyObject* args, PyObject* kwargs) {
    ModuleState& state = state_of_type(Py_TYPE(self));
    return guarded(state, -1, [&] {
        static const char* keywords[] = {"path", "begun_ns", "attached_ns", nullptr};
        PyObject* path = nullptr;
        long long begun_ns = 0;
        long long attached_ns = 0;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "OLL:PhaseClock", const_cast<char**>(keywords), &path, &begun_ns,
                                        &attached_ns) == 0) {
            return -1;
        }
        if (state.phase_clock != nullptr || observe::active != nullptr) {
            PyErr_SetString(PyExc_RuntimeError, "there is a PhaseClock already");
            return -1;
        }
        ClockOwner::of(self).value = std::make_unique<Observation>(to_path(path), begun_ns, attached_ns);
        current = ClockOwner::of(self).value.get();
        state.phase_clock = Py_NewRef(self);
        return 0;
    });
}

// Null, with ValueError, for an unknown name.
std::optional<Phase> phase_of(PyObject* name) {
    const auto phase = observe::to_phase(to_text(name));
    if (!phase) {
        PyErr_Format(PyExc_ValueError, "there is no phase %R", name);
    }
    return phase;
}

PyObject* change_to(PyObject* self, PyObject* name) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        const auto phase = phase_of(name);
        if (!phase) {
            return nullptr;
        }
        (void)ClockOwner::value_of(self);
        if (observe::active != nullptr) {
            observe::active->enter(*phase);
        }
        Py_RETURN_NONE;
    });
}

PyObject* when_executed(PyObject* self, PyObject* args) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* name = nullptr;
        PyObject* function = nullptr;
        if (PyArg_ParseTuple(args, "UO:when_executed", &name, &function) == 0) {
            return nullptr;
        }
        Observation& observation = ClockOwner::value_of(self);
        observation.awaited = Ref::borrow(name);
        observation.waiting = Ref::borrow(function);
        Py_RETURN_NONE;
    });
}

// What gc.callbacks are called with: "start" or "stop", and a dict.
PyObject* collection(PyObject* self, PyObject* args) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        const char* moment = nullptr;
        PyObject* details = nullptr;
        if (PyArg_ParseTuple(args, "sO:collection", &moment, &details) == 0) {
            return nullptr;
        }
        if (observe::active != nullptr) {
            if (std::string_view(moment) == "start") {
                observe::active->begin_collection();
            } else {
                observe::active->end_collection();
            }
        }
        Py_RETURN_NONE;
    });
}

PyObject* stop(PyObject* self, PyObject* /*unused*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        ClockOwner::value_of(self).clock.stop();
        current = nullptr;
        Py_RETURN_NONE;
    });
}

PyObject* resume(PyObject* self, PyObject* /*unused*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        current = &ClockOwner::value_of(self);
        current->clock.resume();
        Py_RETURN_NONE;
    });
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    if (const auto* observation = ClockOwner::of(self).value.get()) {
        for (const Ref* ref : {&observation->awaited, &observation->waiting}) {
            if (const int result = ref->visit(visit, arg)) {
                return result;
            }
        }
    }
    return visit_type(self, visit, arg);
}

int clear(PyObject* self) {
    if (auto* observation = ClockOwner::of(self).value.get()) {
        observation->awaited.clear();
        observation->waiting.clear();
    }
    return 0;
}

PyMethodDef methods[] = {
    {"change_to", change_to, METH_O, PyDoc_STR("change_to(phase)\n--\n\nFrom now on, count for this phase.")},
    {"when_executed", when_executed, METH_VARARGS,
     PyDoc_STR("when_executed(name, function)\n--\n\nCall function(globals) when the body of this module has been "
               "run.")},
    {"collection", collection, METH_VARARGS, PyDoc_STR("collection(moment, details)\n--\n\nOne of gc.callbacks.")},
    {"stop", stop, METH_NOARGS, PyDoc_STR("stop()\n--\n\nCount no more.")},
    {"resume", resume, METH_NOARGS,
     PyDoc_STR("resume()\n--\n\nCount again; what has passed since stop() belongs to the phase of that moment.")},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("PhaseClock(path, begun_ns, attached_ns)\n--\n\nCounts the time of this thread by "
                                  "phase, into a file.")},
    {Py_tp_new, slot(ClockOwner::allocate)},
    {Py_tp_init, slot(initialise)},
    {Py_tp_dealloc, slot(ClockOwner::deallocate)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_clear, slot(clear)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.PhaseClock", sizeof(ClockOwner), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

// While the body ran, an exception may have been set: it is the caller's.
void tell_module_executed(PyObject* globals) noexcept {
    if (current == nullptr || !current->waiting || !PyDict_Check(globals)) {
        return;
    }
    PyObject* name = PyDict_GetItemString(globals, "__name__");
    if (name == nullptr || !PyUnicode_CheckExact(name) || PyUnicode_Compare(name, current->awaited.get()) != 0) {
        return;
    }
    const Ref function = current->waiting;
    const Ref done = Ref::steal_or_null(PyObject_CallOneArg(function.get(), globals));
    if (!done) {
        PyErr_Clear();  // what is not measured then is counted for the phase around it
    }
}

PyObject* read_phases(PyObject* module, PyObject* args) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* path = nullptr;
        long long start_ns = 0;
        long long end_ns = 0;
        if (PyArg_ParseTuple(args, "OLL:read_phases", &path, &start_ns, &end_ns) == 0) {
            return nullptr;
        }
        const auto report = observe::read_report(to_path(path), start_ns, end_ns);
        if (!report) {
            Py_RETURN_NONE;
        }
        DictBuilder nanoseconds;
        DictBuilder entries;
        for (std::size_t i = 0; i < observe::phase_count; ++i) {
            const std::string name(observe::phase_names[i]);
            nanoseconds.set(name.c_str(), from_signed(report->nanoseconds[i]));
            entries.set(name.c_str(), report->entries[i]);
        }
        DictBuilder result;
        result.set("nanoseconds", nanoseconds.take()).set("entries", entries.take());
        return result.release();
    });
}

PyTypeObject* add_phase_clock_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
