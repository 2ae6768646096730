// RegexCompiler: what stands for `compile` of re._compiler (sre_compile before 3.11) where an archive may know the
// result, or where a trace wants to hear of it.
//
// It is a callable of C, so that no frame is added: warnings for patterns are told at a number of frames above, and
// tracebacks are those of the plain compiler.  All its attributes are those of the function that it stands for.

#include "../cpython/regex.hpp"
#include "../cpython/text.hpp"
#include "../cpython/thread_end.hpp"
#include "../observe/phase_clock.hpp"

#include "boundary.hpp"
#include "finder_type.hpp"
#include "memo_types.hpp"
#include "owner.hpp"

namespace pycds::bindings {

namespace {

using cpython::check;
using cpython::Ref;

constexpr const char* attribute = "compile";

struct Compiler {
    Ref function;
    Ref finder;    // null in a trace
    Ref recorder;  // null where an archive is asked
};
using CompilerOwner = Owner<Compiler>;

PyObject* function_of(PyObject* self) {
    PyObject* function = CompilerOwner::value_of(self).function.get();
    if (function == nullptr) {
        PyErr_SetString(PyExc_ReferenceError, "the compiler of regular expressions is gone");
        throw cpython::PythonError();
    }
    return function;
}

void tell(const Compiler& compiler, PyObject* pattern, PyObject* flags) noexcept {
    const Ref told = Ref::steal_or_null(cpython::call_or_hang(
        [&] { return PyObject_CallFunctionObjArgs(compiler.recorder.get(), pattern, flags, nullptr); }));
    if (!told) {
        PyErr_Clear();  // a trace that cannot be written must not fail what it traces
    }
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
    const observe::PhaseScope scope(observe::Phase::regex);
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        const Ref function = Ref::borrow(function_of(self));
        const Compiler compiler = CompilerOwner::value_of(self);
        const Py_ssize_t count = PyTuple_GET_SIZE(args);
        const bool is_ordinary = (kwargs == nullptr || PyDict_GET_SIZE(kwargs) == 0) && (count == 1 || count == 2);
        const auto call_function = [&] {
            return cpython::call_or_hang([&] { return PyObject_Call(function.get(), args, kwargs); });
        };
        if (!is_ordinary) {
            return call_function();
        }
        PyObject* pattern = PyTuple_GET_ITEM(args, 0);
        const Ref flags = count == 2 ? Ref::borrow(PyTuple_GET_ITEM(args, 1)) : Ref::steal(PyLong_FromLong(0));
        if (compiler.finder) {
            serve::RegexMemo& memo = finder_of(compiler.finder.get()).regexes();
            if (Ref regex = memo.answer(pattern, flags.get())) {
                return regex.release();
            }
        }
        Ref compiled = Ref::steal(call_function());
        if (compiler.finder) {
            finder_of(compiler.finder.get()).regexes().note_compiled(pattern, flags.get());
        } else if (compiler.recorder) {
            tell(compiler, pattern, flags.get());
        }
        return compiled.release();
    });
}

// pickle finds a function by its name; asked how to reduce one, the function itself would say that it cannot be.
PyObject* reduce(PyObject* self, PyObject* /*args*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr),
                   [&] { return PyObject_GetAttrString(function_of(self), "__qualname__"); });
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&] {
        const std::string_view text = cpython::view_text(name);
        if (text == "__reduce_ex__" || text == "__reduce__") {
            return PyObject_GenericGetAttr(self, name);
        }
        return PyObject_GetAttr(function_of(self), name);
    });
}

int set_attribute(PyObject* self, PyObject* name, PyObject* value) {
    return guarded(state_of_type(Py_TYPE(self)), -1, [&] { return PyObject_SetAttr(function_of(self), name, value); });
}

PyObject* repr(PyObject* self) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr),
                   [&] { return PyObject_Repr(function_of(self)); });
}

PyObject* bind(PyObject* self, PyObject* instance, PyObject* /*owner*/) {
    return instance == nullptr || instance == Py_None ? Py_NewRef(self) : PyMethod_New(self, instance);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    if (const auto* compiler = CompilerOwner::of(self).value.get()) {
        for (const Ref* ref : {&compiler->function, &compiler->finder, &compiler->recorder}) {
            if (const int result = ref->visit(visit, arg)) {
                return result;
            }
        }
    }
    return visit_type(self, visit, arg);
}

int clear(PyObject* self) {
    if (auto* compiler = CompilerOwner::of(self).value.get()) {
        compiler->function.clear();
        compiler->finder.clear();
        compiler->recorder.clear();
    }
    return 0;
}

PyMethodDef methods[] = {
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {"__reduce_ex__", reduce, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("compile() of regular expressions, asked beside an archive or a trace.")},
    {Py_tp_dealloc, slot(CompilerOwner::deallocate)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_clear, slot(clear)},
    {Py_tp_call, slot(call)},
    {Py_tp_getattro, slot(get_attribute)},
    {Py_tp_setattro, slot(set_attribute)},
    {Py_tp_repr, slot(repr)},
    {Py_tp_descr_get, slot(bind)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.RegexCompiler", sizeof(CompilerOwner), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

void replace_compile(PyTypeObject* type, PyObject* module, PyObject* finder, PyObject* recorder) {
    Ref function = Ref::steal(PyObject_GetAttrString(module, attribute));
    const Ref compiler = Ref::steal(CompilerOwner::allocate(type, nullptr, nullptr));
    CompilerOwner::of(compiler.get()).value = std::make_unique<Compiler>();
    CompilerOwner::value_of(compiler.get()) = {std::move(function), Ref::borrow(finder), Ref::borrow(recorder)};
    check(PyObject_SetAttrString(module, attribute, compiler.get()));
}

}  // namespace

void witness_regex_module(PyObject* finder, PyObject* module) {
    serve::Finder& value = finder_of(finder);
    serve::RegexMemo& memo = value.regexes();
    const Ref name = Ref::steal(PyObject_GetAttrString(module, "__name__"));
    const auto entry = value.reader().find(cpython::view_text(name.get()));
    // Between the look-up and the execution the file may have changed, and other code have been loaded.
    if (entry && value.was_served(entry->record()) && memo.witness(module)) {
        replace_compile(state_of_type(Py_TYPE(finder)).regex_compiler, module, finder, nullptr);
        memo.replaced(Ref::steal(PyUnicode_FromString(attribute)).get());
    }
}

void witness_when_executed(PyObject* finder, PyObject* loader, const image::EntryRecord& entry) {
    serve::Finder& value = finder_of(finder);
    const image::Entry module(entry);
    const auto kind = value.import_system().kind_of(loader);
    // A zipimporter is the loader of many modules.
    if (!value.regexes().is_about(module.name()) || !kind || *kind == image::LoaderKind::zip) {
        return;
    }
    const Ref function = Ref::steal(PyObject_GetAttrString(finder, "witness_regex_module"));
    call_after_exec(state_of_type(Py_TYPE(finder)).after_exec, loader, function.get());
}

PyObject* regex_key(PyObject* module, PyObject* args) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* pattern = nullptr;
        PyObject* flags = nullptr;
        if (PyArg_ParseTuple(args, "OO:regex_key", &pattern, &flags) == 0) {
            return nullptr;
        }
        const auto key = cpython::regex_key(pattern, flags);
        return key ? cpython::decode_text(*key).release() : Py_NewRef(Py_None);
    });
}

PyObject* record_regexes(PyObject* module, PyObject* args) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* compiler = nullptr;
        PyObject* recorder = nullptr;
        if (PyArg_ParseTuple(args, "O!O:record_regexes", &PyModule_Type, &compiler, &recorder) == 0) {
            return nullptr;
        }
        replace_compile(state_of_module(module).regex_compiler, compiler, nullptr, recorder);
        Py_RETURN_NONE;
    });
}

PyTypeObject* add_regex_compiler_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
