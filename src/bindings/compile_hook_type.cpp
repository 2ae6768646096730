// CompileHook: exec, eval and compile of builtins, asked beside an archive or a trace.
//
// The functions stay the objects that they are (see BuiltinFunction): no frame is added, whoever has taken them from
// builtins before is served as well, and nothing can be seen of it but the time.  Only the main interpreter's: the
// others have functions of their own, which are left alone.

#include "../cpython/builtin_function.hpp"
#include "../cpython/compile_call.hpp"
#include "../cpython/thread_end.hpp"
#include "../serve/code_memo.hpp"

#include "boundary.hpp"
#include "conversions.hpp"
#include "finder_type.hpp"
#include "memo_types.hpp"
#include "owner.hpp"

#include <array>
#include <vector>

namespace pycds::bindings {

namespace {

using cpython::Arguments;
using cpython::Compilation;
using cpython::Compiling;
using cpython::Ref;

struct CompileHook {
    explicit CompileHook(ModuleState& module_state) : state(module_state) {}
    CompileHook(const CompileHook&) = delete;
    CompileHook& operator=(const CompileHook&) = delete;
    ~CompileHook();

    void take(PyObject* builtins);
    void give_back() noexcept {
        for (cpython::BuiltinFunction& function : functions) {
            function.give_back();
        }
    }

    ModuleState& state;
    std::array<cpython::BuiltinFunction, 3> functions;  // by Compiling
    std::vector<Ref> finders;                           // the newest last
    Ref recorder;                                       // null where nothing is traced
};
using HookOwner = Owner<CompileHook>;

// What the replaced functions find.  They are reached through the main interpreter alone, under its GIL, and only while
// this is not null.
CompileHook* active = nullptr;

CompileHook::~CompileHook() {
    if (active == this) {
        active = nullptr;
    }
}

// Whether site.addpackage() has called, with a line of a .pth file, or such a line itself.
bool is_called_by_site() noexcept {
    PyObject* globals = PyEval_GetGlobals();
    PyObject* name = globals == nullptr ? nullptr : PyDict_GetItemString(globals, "__name__");
    return name != nullptr && PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "site") == 0;
}

// The first that is linked makes the linker read what modules share: that takes longer than compiling one line, and a
// program that imports nothing would have it for nothing.
bool is_too_early(const Ref& finder) noexcept {
    return finder_of(finder.get()).link_counters().code_objects == 0 && is_called_by_site();
}

// Linking may run the collector, and with it code that attaches another archive: no iterators.
Ref from_archives(const std::vector<Ref>& finders, const Compilation& compilation) {
    for (std::size_t i = finders.size(); i-- > 0;) {
        const Ref finder = finders[i];
        if (is_too_early(finder)) {
            continue;
        }
        if (Ref code = finder_of(finder.get()).codes().answer(compilation)) {
            return code;
        }
    }
    return {};
}

void tell(const Ref& recorder, const Compilation& compilation) noexcept {
    try {
        const Ref arguments = from_compilation(compilation);
        (void)Ref::steal(
            cpython::call_or_hang([&] { return PyObject_Call(recorder.get(), arguments.get(), nullptr); }));
    } catch (const cpython::PythonError&) {
        PyErr_Clear();  // a trace that cannot be written must not fail what it traces
    }
}

// What is executed may run for as long as the program does.
PyObject* call_original(const cpython::BuiltinFunction& function, PyObject* self, const Arguments& given) {
    return cpython::call_or_hang(
        [&] { return function.call_original(self, given.values, given.positional, given.names); });
}

PyObject* call_with(PyObject* code, const cpython::BuiltinFunction& function, PyObject* self, const Arguments& given) {
    const Py_ssize_t named = given.names == nullptr ? 0 : PyTuple_GET_SIZE(given.names);
    std::vector<PyObject*> values(given.values, given.values + given.positional + named);
    values[0] = code;
    return call_original(function, self, {values.data(), given.positional, given.names});
}

PyObject* ask(CompileHook& hook, Compiling compiling, PyObject* self, const Arguments& given) {
    return guarded(hook.state, static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        const Ref keep = Ref::borrow(hook.state.compile_hook);
        const cpython::BuiltinFunction& function = hook.functions[static_cast<std::size_t>(compiling)];
        const auto compilation = cpython::compilation_of(compiling, given);
        if (!compilation) {
            return call_original(function, self, given);
        }
        if (Ref code = from_archives(hook.finders, *compilation)) {
            cpython::audit_compilation(*compilation);
            return compiling == Compiling::compile ? code.release() : call_with(code.get(), function, self, given);
        }
        Ref result = Ref::steal(call_original(function, self, given));
        bool in_vain = !hook.recorder;
        for (const Ref& finder : hook.finders) {
            serve::CodeMemo& memo = finder_of(finder.get()).codes();
            if (!is_too_early(finder)) {
                memo.note_compiled(*compilation);
            }
            in_vain = in_vain && memo.is_in_vain();
        }
        if (in_vain) {
            hook.give_back();
        }
        if (hook.recorder) {
            tell(Ref(hook.recorder), *compilation);
        }
        return result.release();
    });
}

// Code objects and trees are not asked for; a source that is named (`compile(source=...)`) is compiled as ever.
template <Compiling compiling>
PyObject* called_with_names(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
    CompileHook& hook = *active;
    if (count == 0 || !PyUnicode_CheckExact(arguments[0])) {
        return hook.functions[static_cast<std::size_t>(compiling)].call_original(self, arguments, count, names);
    }
    return ask(hook, compiling, self, {arguments, count, names});
}

template <Compiling compiling>
PyObject* called(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    return called_with_names<compiling>(self, arguments, count, nullptr);
}

template <Compiling compiling>
void take_function(CompileHook& hook, PyObject* builtins, const char* name) {
    const Ref function = Ref::steal(PyObject_GetAttrString(builtins, name));
    // What a program has put there instead is left alone, and what is taken is not taken again.
    (void)hook.functions[static_cast<std::size_t>(compiling)].take(function.get(), called<compiling>,
                                                                   called_with_names<compiling>);
}

void CompileHook::take(PyObject* builtins) {
    take_function<Compiling::exec>(*this, builtins, "exec");
    take_function<Compiling::eval>(*this, builtins, "eval");
    take_function<Compiling::compile>(*this, builtins, "compile");
}

bool is_main_interpreter() noexcept { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

// The hook, its functions taken; made at the first call.  Null where there can be none.
CompileHook* hook_of(ModuleState& state) {
    const Ref builtins = Ref::steal(PyImport_ImportModule("builtins"));
    if (state.compile_hook != nullptr) {
        CompileHook& hook = HookOwner::value_of(state.compile_hook);
        hook.take(builtins.get());
        return &hook;
    }
    if (active != nullptr || !is_main_interpreter()) {
        return nullptr;
    }
    Ref object = Ref::steal(HookOwner::allocate(state.compile_hook_type, nullptr, nullptr));
    HookOwner::of(object.get()).value = std::make_unique<CompileHook>(state);
    CompileHook& hook = HookOwner::value_of(object.get());
    hook.take(builtins.get());
    active = &hook;
    state.compile_hook = object.release();
    return &hook;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    if (const auto* hook = HookOwner::of(self).value.get()) {
        for (const Ref& finder : hook->finders) {
            if (const int result = finder.visit(visit, arg)) {
                return result;
            }
        }
        for (const cpython::BuiltinFunction& function : hook->functions) {
            if (const int result = function.visit(visit, arg)) {
                return result;
            }
        }
        if (const int result = hook->recorder.visit(visit, arg)) {
            return result;
        }
    }
    return visit_type(self, visit, arg);
}

int clear(PyObject* self) {
    if (auto* hook = HookOwner::of(self).value.get()) {
        hook->give_back();
        std::vector<Ref>().swap(hook->finders);
        hook->recorder.clear();
    }
    return 0;
}

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("exec, eval and compile of builtins, asked beside an archive or a trace.")},
    {Py_tp_dealloc, slot(HookOwner::deallocate)},
    {Py_tp_traverse, slot(traverse)},
    {Py_tp_clear, slot(clear)},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.CompileHook", sizeof(HookOwner), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

Ref from_compilation(const Compilation& compilation) {
    return Ref::steal(Py_BuildValue("(siiOO)", compilation.is_expression ? "eval" : "exec", compilation.flags,
                                    compilation.optimize, compilation.filename.get(), compilation.source.get()));
}

PyObject* compilation_key(PyObject* module, PyObject* args) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        const char* mode = nullptr;
        int flags = 0;
        int optimize = 0;
        PyObject* filename = nullptr;
        PyObject* source = nullptr;
        if (PyArg_ParseTuple(args, "siiUU:compilation_key", &mode, &flags, &optimize, &filename, &source) == 0) {
            return nullptr;
        }
        const Compilation asked{Ref::borrow(source), Ref::borrow(filename), std::string_view(mode) == "eval", flags,
                                optimize};
        const auto key = cpython::compilation_key(asked);
        return key ? cpython::decode_text(*key).release() : Py_NewRef(Py_None);
    });
}

PyObject* serve_compilations(PyObject* module, PyObject* finder) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        ModuleState& state = state_of_module(module);
        if (Py_TYPE(finder) != state.finder) {
            PyErr_SetString(PyExc_TypeError, "serve_compilations() wants a Finder");
            return nullptr;
        }
        CompileHook* hook = finder_of(finder).codes().is_on() ? hook_of(state) : nullptr;
        if (hook != nullptr) {
            hook->finders.push_back(Ref::borrow(finder));
        }
        return PyBool_FromLong(hook != nullptr);
    });
}

PyObject* record_compilations(PyObject* module, PyObject* recorder) {
    return guarded(state_of_module(module), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        CompileHook* hook = hook_of(state_of_module(module));
        if (hook != nullptr) {
            hook->recorder = recorder == Py_None ? Ref() : Ref::borrow(recorder);
            if (!hook->recorder && hook->finders.empty()) {
                hook->give_back();
            }
        }
        return PyBool_FromLong(hook != nullptr);
    });
}

PyTypeObject* add_compile_hook_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
