#include "conversions.hpp"

namespace pycds::bindings {

using cpython::check;
using cpython::PythonError;
using cpython::Ref;

std::string to_text(PyObject* object) {
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "expected str, not %.200s", Py_TYPE(object)->tp_name);
        throw PythonError();
    }
    return cpython::encode_text(object);
}

std::optional<std::string> to_optional_text(PyObject* object) {
    if (object == nullptr || object == Py_None) {
        return std::nullopt;
    }
    return to_text(object);
}

std::vector<std::string> to_texts(PyObject* sequence) {
    const Ref fast = Ref::steal(PySequence_Fast(sequence, "expected a sequence of str"));
    std::vector<std::string> texts;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
        texts.push_back(to_text(PySequence_Fast_GET_ITEM(fast.get(), i)));
    }
    return texts;
}

std::string to_path(PyObject* object) {
    PyObject* converted = nullptr;
    if (PyUnicode_FSConverter(object, &converted) == 0) {
        throw PythonError();
    }
    const Ref bytes = Ref::steal(converted);
    return {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

Ref from_unsigned(std::uint64_t value) { return Ref::steal(PyLong_FromUnsignedLongLong(value)); }

Ref from_signed(std::int64_t value) { return Ref::steal(PyLong_FromLongLong(value)); }

Ref from_texts(const std::vector<std::string>& texts) {
    Ref list = Ref::steal(PyList_New(static_cast<Py_ssize_t>(texts.size())));
    for (std::size_t i = 0; i < texts.size(); ++i) {
        PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), cpython::decode_text(texts[i]).release());
    }
    return list;
}

DictBuilder& DictBuilder::set(const char* key, const Ref& value) {
    check(PyDict_SetItemString(dict_.get(), key, value.get()));
    return *this;
}

DictBuilder& DictBuilder::set_bool(const char* key, bool value) {
    check(PyDict_SetItemString(dict_.get(), key, value ? Py_True : Py_False));
    return *this;
}

Ref from_identity(const image::IdentityRecord& identity) {
    DictBuilder dict;
    dict.set("version", identity.version)
        .set("abi", std::string_view(identity.abi))
        .set("build", std::string_view(identity.build))
        .set("optimize", from_signed(identity.optimize))
        .set_bool("debug_ranges", (identity.flags & image::identity_debug_ranges) != 0)
        .set_bool("frozen_modules", (identity.flags & image::identity_frozen_modules) != 0)
        .set_bool("debug", (identity.flags & image::identity_debug_build) != 0);
    return dict.take();
}

}  // namespace pycds::bindings
