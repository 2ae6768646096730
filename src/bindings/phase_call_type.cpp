// PhaseCall: a function whose calls count for a phase.
//
// It is a callable of C, so that no frame is added: tracebacks, and what looks at the frames above, are as without it.
// Its attributes are those of the function that it stands for.

#include "../cpython/thread_end.hpp"
#include "../observe/phase_clock.hpp"

#include "boundary.hpp"
#include "conversions.hpp"
#include "owner.hpp"
#include "phase_types.hpp"

namespace pycds::bindings {

namespace {

using cpython::Ref;
using observe::Phase;

struct PhaseCall {
    Ref function;
    Phase phase;
    bool runs_bodies;  // called as exec(code, globals) for the body of a module
};
using CallOwner = Owner<PhaseCall>;

int initialise(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), -1, [&] {
        static const char* keywords[] = {"function", "phase", nullptr};
        PyObject* function = nullptr;
        PyObject* name = nullptr;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "OU:PhaseCall", const_cast<char**>(keywords), &function, &name) ==
            0) {
            return -1;
        }
        const auto phase = observe::to_phase(to_text(name));
        if (!phase) {
            PyErr_Format(PyExc_ValueError, "there is no phase %R", name);
            return -1;
        }
        CallOwner::of(self).value = std::make_unique<PhaseCall>();
        CallOwner::value_of(self) = {Ref::borrow(function), *phase, *phase == Phase::exec};
        return 0;
    });
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        const PhaseCall counted = CallOwner::value_of(self);
        Ref result;
        {
            const observe::PhaseScope scope(counted.phase);
            result =
                Ref::steal(cpython::call_or_hang([&] { return PyObject_Call(counted.function.get(), args, kwargs); }));
        }
        if (counted.runs_bodies && PyTuple_GET_SIZE(args) >= 2) {
            tell_module_executed(PyTuple_GET_ITEM(args, 1));
        }
        return result.release();
    });
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr),
                   [&] { return PyObject_GetAttr(CallOwner::value_of(self).function.get(), name); });
}

PyObject* bind(PyObject* self, PyObject* instance, PyObject* /*owner*/) {
    return instance == nullptr || instance == Py_None ? Py_NewRef(self) : PyMethod_New(self, instance);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    if (const auto* counted = CallOwner::of(self).value.get()) {
        if (const int result = counted->function.visit(visit, arg)) {
            return result;
        }
    }
    return visit_type(self, visit, arg);
}

// The function stays: while the interpreter ends it may still be called, and the cycle goes through a dictionary.
PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("PhaseCall(function, phase)\n--\n\nA function whose calls count for a phase.")},
    {Py_tp_new, slot(CallOwner::allocate)},
    {Py_tp_init, slot(initialise)},
    {Py_tp_dealloc, slot(CallOwner::deallocate)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_call, slot(call)},
    {Py_tp_getattro, slot(get_attribute)},
    {Py_tp_descr_get, slot(bind)},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.PhaseCall", sizeof(CallOwner), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

// The type is the one of its own module: a PhaseCall of another interpreter is not met here.
PyObject* original_of(PyObject* function) noexcept {
    if (Py_TYPE(function)->tp_call != call) {
        return function;
    }
    const auto* counted = CallOwner::of(function).value.get();
    return counted == nullptr ? function : counted->function.get();
}

PyTypeObject* add_phase_call_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
