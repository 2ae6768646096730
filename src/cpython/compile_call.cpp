#include "compile_call.hpp"

#include "../image/checksum.hpp"
#include "../image/hexadecimal.hpp"
#include "text.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace pycds::cpython {

namespace {

// The arguments of one call by their places in the signature; null where one is not given.
template <std::size_t count>
class Signature {
  public:
    explicit constexpr Signature(std::array<std::string_view, count> names) : names_(names) {}

    // nullopt where there are more arguments, others, or one twice: the function itself will say so.
    [[nodiscard]] std::optional<std::array<PyObject*, count>> bind(const Arguments& given) const {
        if (given.positional > static_cast<Py_ssize_t>(count)) {
            return std::nullopt;
        }
        std::array<PyObject*, count> bound{};
        for (Py_ssize_t i = 0; i < given.positional; ++i) {
            bound[static_cast<std::size_t>(i)] = given.values[i];
        }
        const Py_ssize_t named = given.names == nullptr ? 0 : PyTuple_GET_SIZE(given.names);
        for (Py_ssize_t i = 0; i < named; ++i) {
            const std::size_t place = place_of(PyTuple_GET_ITEM(given.names, i));
            if (place == count || bound[place] != nullptr) {
                return std::nullopt;
            }
            bound[place] = given.values[given.positional + i];
        }
        return bound;
    }

  private:
    [[nodiscard]] std::size_t place_of(PyObject* name) const {
        const std::string_view text = view_text(name);
        std::size_t place = 0;
        while (place < count && (names_[place].empty() || names_[place] != text)) {
            ++place;
        }
        return place;
    }

    std::array<std::string_view, count> names_;
};

constexpr Signature<4> run_signature({"", "globals", "locals", "closure"});
constexpr Signature<6> compile_signature({"source", "filename", "mode", "flags", "dont_inherit", "optimize"});

bool is_given(PyObject* argument) noexcept { return argument != nullptr && argument != Py_None; }

// The flags of __future__ under which the caller was compiled.
int inherited_flags() noexcept {
    PyCompilerFlags flags{};
    flags.cf_feature_version = PY_MINOR_VERSION;
    PyEval_MergeCompilerFlags(&flags);
    return flags.cf_flags & PyCF_MASK;
}

// An int of Python, no subclass, within what any of these arguments can be.
std::optional<int> small_int(PyObject* object) noexcept {
    if (!PyLong_CheckExact(object)) {
        return std::nullopt;
    }
    int overflow = 0;
    const long value = PyLong_AsLongAndOverflow(object, &overflow);
    if (overflow != 0 || value < -1 || value > 0x7FFFFFFF) {
        return std::nullopt;
    }
    return static_cast<int>(value);
}

std::optional<Compilation> of_compile(const Arguments& given) {
    const auto bound = compile_signature.bind(given);
    if (!bound) {
        return std::nullopt;
    }
    const auto [source, filename, mode, flags, dont_inherit, optimize] = *bound;
    if (source == nullptr || filename == nullptr || mode == nullptr || !PyUnicode_CheckExact(source) ||
        !PyUnicode_CheckExact(filename) || !PyUnicode_CheckExact(mode)) {
        return std::nullopt;
    }
    const std::string_view word = view_text(mode);
    const bool is_plain = dont_inherit == nullptr || PyBool_Check(dont_inherit) || PyLong_CheckExact(dont_inherit);
    const auto own = flags == nullptr ? 0 : small_int(flags);
    const auto level = optimize == nullptr ? -1 : small_int(optimize);
    if ((word != "exec" && word != "eval") || !is_plain || !own || (*own & ~PyCF_MASK) != 0 || !level || *level > 2) {
        return std::nullopt;
    }
    const bool inherits = dont_inherit == nullptr || PyObject_IsTrue(dont_inherit) == 0;
    return Compilation{Ref::borrow(source), Ref::borrow(filename), word == "eval",
                       inherits ? *own | inherited_flags() : *own, *level};
}

// eval() passes over blanks in front, which compile() refuses.
Ref without_blanks(PyObject* source) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(source);
    Py_ssize_t blanks = 0;
    while (blanks < length &&
           (PyUnicode_READ_CHAR(source, blanks) == ' ' || PyUnicode_READ_CHAR(source, blanks) == '\t')) {
        ++blanks;
    }
    return blanks == 0 ? Ref::borrow(source) : Ref::steal(PyUnicode_Substring(source, blanks, length));
}

std::optional<Compilation> of_run(bool is_expression, const Arguments& given) {
    const auto bound = run_signature.bind(given);
    if (!bound) {
        return std::nullopt;
    }
    const auto [source, globals, locals, closure] = *bound;
    if (source == nullptr || !PyUnicode_CheckExact(source) || is_given(closure) ||
        (is_given(globals) && !PyDict_Check(globals)) || (is_given(locals) && PyMapping_Check(locals) == 0)) {
        return std::nullopt;
    }
    static constexpr const char* filename = "<string>";
    return Compilation{is_expression ? without_blanks(source) : Ref::borrow(source),
                       Ref::steal(PyUnicode_FromString(filename)), is_expression, inherited_flags(), -1};
}

}  // namespace

std::optional<Compilation> compilation_of(Compiling compiling, const Arguments& arguments) {
    if (compiling == Compiling::compile) {
        return of_compile(arguments);
    }
    return of_run(compiling == Compiling::eval, arguments);
}

std::optional<std::string> compilation_key(const Compilation& compilation) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(compilation.source.get(), &size);
    Py_ssize_t filename_size = 0;
    const char* filename =
        text == nullptr ? nullptr : PyUnicode_AsUTF8AndSize(compilation.filename.get(), &filename_size);
    if (filename == nullptr) {
        PyErr_Clear();
        return std::nullopt;
    }
    const auto sum = [](const char* bytes, Py_ssize_t count) {
        return image::hexadecimal(image::checksum(std::as_bytes(std::span(bytes, static_cast<std::size_t>(count)))));
    };
    return std::string(compilation.is_expression ? "py:eval:" : "py:exec:") + std::to_string(compilation.flags) + ":" +
           std::to_string(compilation.optimize) + ":" + sum(filename, filename_size) + ":" + sum(text, size);
}

bool is_compilation(PyObject* data, const Compilation& compilation) {
    if (!PyTuple_CheckExact(data) || PyTuple_GET_SIZE(data) != 2 || !PyUnicode_CheckExact(PyTuple_GET_ITEM(data, 0)) ||
        !PyUnicode_CheckExact(PyTuple_GET_ITEM(data, 1))) {
        return false;
    }
    return PyUnicode_Compare(PyTuple_GET_ITEM(data, 0), compilation.source.get()) == 0 &&
           PyUnicode_Compare(PyTuple_GET_ITEM(data, 1), compilation.filename.get()) == 0;
}

void audit_compilation(const Compilation& compilation) {
    const Ref bytes = Ref::steal(PyUnicode_AsUTF8String(compilation.source.get()));
    check(PySys_Audit("compile", "OO", bytes.get(), compilation.filename.get()));
}

}  // namespace pycds::cpython
