#include "module_template.hpp"

namespace pycds::serve {

namespace {

using cpython::check;
using cpython::Ref;

Ref interned(const char* text) { return Ref::steal(PyUnicode_InternFromString(text)); }

// The property `parent` of a ModuleSpec.
Ref parent_of(PyObject* name, bool is_package) {
    if (is_package) {
        return Ref::borrow(name);
    }
    const Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), -1);
    return Ref::steal(PyUnicode_Substring(name, 0, dot < 0 ? 0 : dot));
}

// The same keys in the same order, with values that are the same objects or, for str, equal.
bool same_items(PyObject* one, PyObject* other) {
    const Ref items = Ref::steal(PyDict_Items(one));
    const Ref expected = Ref::steal(PyDict_Items(other));
    const int equal = PyObject_RichCompareBool(items.get(), expected.get(), Py_EQ);
    check(equal);
    return equal != 0;
}

}  // namespace

ModuleTemplate::ModuleTemplate(const Bootstrap& bootstrap, const ImportSystem& import_system)
    : loader_(interned("__loader__")), package_(interned("__package__")), spec_(interned("__spec__")),
      path_(interned("__path__")), file_(interned("__file__")), cached_(interned("__cached__")),
      cached_of_spec_(interned("cached")), sets_cached_(import_system.asks_for_cached()) {
    is_faithful_ = compare(bootstrap, import_system, false) && compare(bootstrap, import_system, true);
}

bool ModuleTemplate::compare(const Bootstrap& bootstrap, const ImportSystem& import_system, bool is_package) const {
    const Ref name = Ref::steal(PyUnicode_FromString("pycds.template"));
    ImportSystem::FileModule module{name.get(), image::LoaderKind::source, "/template.py", "/template.pyc", {}};
    if (is_package) {
        module.locations = std::vector<std::string_view>{"/template"};
    }
    const SpecTemplate::Made spec = import_system.make_spec(module);
    const Ref ours = make(name.get(), spec);
    const Ref theirs = bootstrap.module_from_spec(spec.spec.get());
    return Py_TYPE(ours.get()) == Py_TYPE(theirs.get()) &&
           same_items(PyModule_GetDict(ours.get()), PyModule_GetDict(theirs.get()));
}

// importlib._bootstrap, _init_module_attrs.
Ref ModuleTemplate::make(PyObject* name, const SpecTemplate::Made& spec) const {
    Ref module = Ref::steal(PyModule_NewObject(name));
    PyObject* attributes = PyModule_GetDict(module.get());
    check(PyDict_SetItem(attributes, loader_.get(), spec.loader.get()));
    const Ref parent = parent_of(name, static_cast<bool>(spec.locations));
    check(PyDict_SetItem(attributes, package_.get(), parent.get()));
    check(PyDict_SetItem(attributes, spec_.get(), spec.spec.get()));
    if (spec.locations) {
        check(PyDict_SetItem(attributes, path_.get(), spec.locations.get()));
    }
    check(PyDict_SetItem(attributes, file_.get(), spec.origin.get()));
    if (sets_cached_) {
        const Ref cached =
            spec.cached ? spec.cached : Ref::steal(PyObject_GetAttr(spec.spec.get(), cached_of_spec_.get()));
        if (cached.get() != Py_None) {
            check(PyDict_SetItem(attributes, cached_.get(), cached.get()));
        }
    }
    return module;
}

}  // namespace pycds::serve
