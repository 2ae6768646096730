#include "spec_template.hpp"

#include "../cpython/text.hpp"

namespace pycds::serve {

namespace {

using cpython::check;
using cpython::Ref;

Ref interned(const char* text) { return Ref::steal(PyUnicode_InternFromString(text)); }

// object.__new__ and no __init__.
Ref bare_instance(PyObject* type, PyObject* no_arguments) {
    auto* as_type = reinterpret_cast<PyTypeObject*>(type);
    return Ref::steal(as_type->tp_new(as_type, no_arguments, nullptr));
}

Ref or_none(const Ref& value) { return value ? value : Ref::borrow(Py_None); }

Ref list_of(const std::vector<std::string_view>& locations) {
    Ref list = Ref::steal(PyList_New(static_cast<Py_ssize_t>(locations.size())));
    for (std::size_t i = 0; i < locations.size(); ++i) {
        PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), cpython::decode_text(locations[i]).release());
    }
    return list;
}

}  // namespace

SpecTemplate::SpecTemplate(PyObject* spec_type)
    : spec_type_(Ref::borrow(spec_type)), no_arguments_(Ref::steal(PyTuple_New(0))), name_(interned("name")),
      path_(interned("path")) {
    const Ref spec = Ref::steal(PyObject_CallFunction(spec_type, "sO", "template", Py_None));
    const Ref attributes = Ref::steal(PyObject_GenericGetDict(spec.get(), nullptr));
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    for (Py_ssize_t position = 0; PyDict_Next(attributes.get(), &position, &key, &value) != 0;) {
        add_attribute(key, value);
    }
}

void SpecTemplate::add_attribute(PyObject* key, PyObject* value) {
    const std::string_view name = cpython::view_text(key);
    Source source = PyList_CheckExact(value) ? Source::new_list : Source::constant;
    if (name == "name") {
        source = Source::name;
    } else if (name == "loader") {
        source = Source::loader;
    } else if (name == "origin") {
        source = Source::origin;
    } else if (name == "_cached") {
        source = Source::cached;
    } else if (name == "submodule_search_locations") {
        source = Source::locations;
    } else if (name == "_set_fileattr") {  // what the property has_location stands for
        source = Source::has_location;
    }
    attributes_.push_back({Ref::borrow(key), source, Ref::borrow(value)});
}

// importlib._bootstrap_external.FileLoader.__init__ sets these two.
Ref SpecTemplate::make_loader(const Values& values, const Ref& origin) const {
    Ref loader = bare_instance(values.loader_type, no_arguments_.get());
    check(PyObject_SetAttr(loader.get(), name_.get(), values.name));
    check(PyObject_SetAttr(loader.get(), path_.get(), origin.get()));
    return loader;
}

Ref SpecTemplate::value_of(const Attribute& attribute, const Values& values, const Made& made) {
    switch (attribute.source) {
    case Source::name:
        return Ref::borrow(values.name);
    case Source::loader:
        return made.loader;
    case Source::origin:
        return made.origin;
    case Source::cached:
        return or_none(made.cached);
    case Source::locations:
        return or_none(made.locations);
    case Source::has_location:
        return Ref::borrow(Py_True);
    case Source::new_list:
        return Ref::steal(PyList_New(0));
    case Source::constant:
        break;
    }
    return attribute.value;
}

SpecTemplate::Made SpecTemplate::make(const Values& values) const {
    Made made;
    made.origin = cpython::decode_text(values.origin);
    made.loader = make_loader(values, made.origin);
    if (values.cached) {
        made.cached = cpython::decode_text(*values.cached);
    }
    if (values.locations) {
        made.locations = list_of(*values.locations);
    }
    made.spec = bare_instance(spec_type_.get(), no_arguments_.get());
    for (const Attribute& attribute : attributes_) {
        const Ref value = value_of(attribute, values, made);
        check(PyObject_SetAttr(made.spec.get(), attribute.key.get(), value.get()));
    }
    return made;
}

}  // namespace pycds::serve
