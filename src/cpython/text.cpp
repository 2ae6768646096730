#include "text.hpp"

namespace pycds::cpython {

std::string encode_text(PyObject* string) {
    const Ref bytes = Ref::steal(PyUnicode_AsEncodedString(string, "utf-8", "surrogateescape"));
    return {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

Ref decode_text(std::string_view text) {
    return Ref::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape"));
}

std::string_view view_text(PyObject* string) noexcept {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(string, &size);
    if (text == nullptr) {
        PyErr_Clear();
        return {};
    }
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace pycds::cpython
