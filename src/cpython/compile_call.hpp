#pragma once

// What exec(), eval() and compile() are asked: the arguments that they take, and of these what decides which code comes
// out.  See Python/bltinmodule.c, builtin_exec_impl, builtin_eval_impl and builtin_compile_impl.

#include "python.hpp"

#include <optional>
#include <string>

namespace pycds::cpython {

enum class Compiling : std::uint8_t { exec, eval, compile };

// Arguments as METH_FASTCALL | METH_KEYWORDS gives them; `names` may be null.
struct Arguments {
    PyObject* const* values;
    Py_ssize_t positional;
    PyObject* names;
};

// The text of a module (`is_expression` false) or of an expression, and what else its code depends on.
struct Compilation {
    Ref source;    // a str, no subclass
    Ref filename;  // likewise
    bool is_expression = false;
    int flags = 0;      // of __future__: CO_FUTURE_…, those of the caller included
    int optimize = -1;  // as for compile(): -1 stands for what the interpreter was started with
};

// nullopt for whatever is not such a text, or is asked in a way that would fail or that has more to it: another mode,
// flags that are not of __future__, a closure, globals that are none.  `compiling` is called in the frame that is now
// the uppermost.  Throws PythonError.
[[nodiscard]] std::optional<Compilation> compilation_of(Compiling compiling, const Arguments& arguments);

// Under which name its code is kept; nullopt where the text cannot be encoded.  Throws std::bad_alloc.
[[nodiscard]] std::optional<std::string> compilation_key(const Compilation& compilation);

// Whether `data` is (source, filename) of an equal compilation.  Throws PythonError.
[[nodiscard]] bool is_compilation(PyObject* data, const Compilation& compilation);

// The event that a compiler raises before it begins (Python/pythonrun.c and Parser/pegen.c).  Throws PythonError.
void audit_compilation(const Compilation& compilation);

}  // namespace pycds::cpython
