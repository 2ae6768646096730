#include "main_program.hpp"

#include "error_state.hpp"

namespace pycds::cpython {

namespace {

// What a script finds in its namespace besides what the interpreter has put there before.
class Namespace {
  public:
    // Throws PythonError.
    Namespace(PyObject* globals, PyObject* filename);
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;
    ~Namespace();

    // It is that of a script from here on.  Throws PythonError.
    void set_loader(PyObject* filename);

  private:
    PyObject* globals_;
    bool has_set_file_ = false;
};

// No module is given __cached__ from 3.15 on.
constexpr bool has_cached = PY_VERSION_HEX < 0x030F0000;

Namespace::Namespace(PyObject* globals, PyObject* filename) : globals_(globals) {
    if (PyDict_GetItemString(globals, "__file__") != nullptr) {
        return;
    }
    check(PyDict_SetItemString(globals, "__file__", filename));
    has_set_file_ = true;
    if (has_cached && PyDict_SetItemString(globals, "__cached__", Py_None) < 0) {
        (void)PyDict_DelItemString(globals, "__file__");
        throw PythonError();
    }
}

Namespace::~Namespace() {
    if (!has_set_file_) {
        return;
    }
    const ErrorState kept;
    if (PyDict_DelItemString(globals_, "__file__") < 0) {
        PyErr_Clear();
    }
    if (has_cached && PyDict_DelItemString(globals_, "__cached__") < 0) {
        PyErr_Clear();
    }
}

// Python/pythonrun.c, set_main_loader.
void Namespace::set_loader(PyObject* filename) {
    const Ref external = Ref::steal(PyImport_ImportModule("_frozen_importlib_external"));
    const Ref type = Ref::steal(PyObject_GetAttrString(external.get(), "SourceFileLoader"));
    const Ref loader = Ref::steal(PyObject_CallFunction(type.get(), "sO", "__main__", filename));
    check(PyDict_SetItemString(globals_, "__loader__", loader.get()));
}

// Python/pythonrun.c, flush_io.
void flush_standard_streams() noexcept {
    const ErrorState kept;
    for (const char* name : {"stderr", "stdout"}) {
        if (const Ref stream = Ref::borrow(PySys_GetObject(name))) {
            (void)Ref::steal_or_null(PyObject_CallMethod(stream.get(), "flush", nullptr));
            PyErr_Clear();
        }
    }
}

// An interrupt that nothing has caught ends the process by its signal.  Up to 3.13 the interpreter notes one where it
// evaluates a whole program (Python/pythonrun.c, run_eval_code_obj), so it is given another to note; later it does as
// it prints it.
void note_interrupt() noexcept {
    if (PyErr_Occurred() != PyExc_KeyboardInterrupt) {
        return;
    }
    const ErrorState kept;
    if (const Ref globals = Ref::steal_or_null(PyDict_New())) {
        (void)Ref::steal_or_null(PyRun_String("raise KeyboardInterrupt", Py_file_input, globals.get(), globals.get()));
    }
    PyErr_Clear();
}

}  // namespace

Outcome run_main_program(PyObject* code, PyObject* filename) noexcept {
    try {
        const Ref module = Ref::borrow(PyImport_AddModule("__main__"));
        if (!module) {
            throw PythonError();
        }
        PyObject* globals = PyModule_GetDict(module.get());
        Namespace names(globals, filename);
        names.set_loader(filename);
        Ref result;
        // Before it parses (Parser/pegen.c; Parser/parsetok.c in 3.8).
        if (PySys_Audit("compile", "OO", Py_None, filename) < 0) {
            throw PythonError();  // the interpreter says it in its own way
        }
        if (PySys_Audit("exec", "O", code) >= 0) {
            result = Ref::steal_or_null(PyEval_EvalCode(code, globals, globals));
        }
        if (!result) {
            note_interrupt();
        }
        flush_standard_streams();
        if (!result) {
            PyErr_Print();
        }
        return result ? Outcome::succeeded : Outcome::failed;
    } catch (const PythonError&) {
        PyErr_Clear();
        return Outcome::not_run;
    }
}

}  // namespace pycds::cpython
