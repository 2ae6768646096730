#include "canonical.hpp"

#include "layout.hpp"

#include <atomic>

namespace pycds::cpython {

PyObject* canonical_string(PyObject* image_string) {
    if (!layout::String::complete(image_string)) {
        return Py_NewRef(image_string);
    }
    PyObject* string = image_string;
    PyUnicode_InternInPlace(&string);
    if (!PyUnicode_CHECK_INTERNED(string)) {
        // The table of interned strings could not grow; PyUnicode_InternInPlace swallows that.
        PyErr_NoMemory();
        throw PythonError();
    }
    return string;
}

void initialise_code(PyObject* image_code) noexcept {
    auto& code = *reinterpret_cast<PyCodeObject*>(image_code);
    layout::complete_code(code);
    if constexpr (layout::has_code_version) {
        // The interpreter's own counter starts at 1 and is not exported; from here up the two never meet in practice.
        static std::atomic<std::uint32_t> next{0x80000000U};
        std::uint32_t version = next.fetch_add(1, std::memory_order_relaxed);
        if (version < 0x80000000U) {
            version |= 0x80000000U;  // wrapped around: an old version again, but never 0 and never the interpreter's
        }
        layout::set_code_version(code, version);
    }
}

}  // namespace pycds::cpython
