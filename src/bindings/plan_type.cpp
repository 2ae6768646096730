// Plan: a dump in the making.

#include "../capture/plan.hpp"

#include "../cpython/identity.hpp"
#include "../image/options.hpp"
#include "boundary.hpp"
#include "conversions.hpp"
#include "owner.hpp"

#include <stdexcept>

namespace pycds::bindings {

namespace {

using cpython::Ref;
using PlanOwner = Owner<capture::Plan>;

int initialise(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), -1, [&] {
        static const char* keywords[] = {"installation", nullptr};
        PyObject* installation = nullptr;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Plan", const_cast<char**>(keywords), &installation) == 0) {
            return -1;
        }
        auto plan = std::make_unique<capture::Plan>();
        if (installation != nullptr) {
            plan->surroundings().set_installation(to_texts(installation));
        }
        PlanOwner::of(self).value = std::move(plan);
        return 0;
    });
}

image::LoaderKind to_loader_kind(PyObject* object) {
    const std::string text = to_text(object);
    if (text == "source") {
        return image::LoaderKind::source;
    }
    if (text == "sourceless") {
        return image::LoaderKind::sourceless;
    }
    if (text == "zip") {
        return image::LoaderKind::zip;
    }
    if (text == "other") {
        return image::LoaderKind::other;
    }
    if (text == "script") {
        return image::LoaderKind::script;
    }
    throw std::invalid_argument("unknown kind of loader: " + text);
}

image::LoaderKind to_kind_of_place(PyObject* object) {
    const std::string text = to_text(object);
    if (text == "extension") {
        return image::LoaderKind::extension;
    }
    if (text == "namespace") {
        return image::LoaderKind::namespace_package;
    }
    if (text == "absent") {
        return image::LoaderKind::absent;
    }
    throw std::invalid_argument("unknown kind of place: " + text);
}

// A stamp as (mtime_ns, ctime_ns, size).
image::FileStamp to_stamp(PyObject* object) {
    long long mtime_ns = 0;
    long long ctime_ns = 0;
    unsigned long long size = 0;
    if (!PyTuple_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a stamp is a tuple (mtime_ns, ctime_ns, size)");
        throw cpython::PythonError();
    }
    cpython::check(PyArg_ParseTuple(object, "LLK:stamp", &mtime_ns, &ctime_ns, &size) != 0 ? 0 : -1);
    return {mtime_ns, ctime_ns, size};
}

std::optional<std::string_view> to_optional_bytes(PyObject* object) {
    if (object == Py_None) {
        return std::nullopt;
    }
    char* bytes = nullptr;
    Py_ssize_t size = 0;
    cpython::check(PyBytes_AsStringAndSize(object, &bytes, &size));
    return std::string_view(bytes, static_cast<std::size_t>(size));
}

PyObject* add(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        static const char* keywords[] = {"name",          "code",       "loader",           "origin",        "cached",
                                         "search_entry",  "locations",  "stamp_path",       "stamp",         "pyc",
                                         "pyc_elsewhere", "marshalled", "frozenset_orders", "random_hashes", nullptr};
        PyObject* name = nullptr;
        PyObject* code = nullptr;
        PyObject* loader = nullptr;
        PyObject* origin = nullptr;
        PyObject* cached = nullptr;
        PyObject* search_entry = nullptr;
        PyObject* locations = nullptr;
        PyObject* stamp_path = nullptr;
        PyObject* stamp = nullptr;
        PyObject* pyc = nullptr;
        int pyc_elsewhere = 0;
        PyObject* marshalled = nullptr;
        PyObject* orders = nullptr;
        int random_hashes = 0;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "OO!$OOOOOOOOpOO!p:add", const_cast<char**>(keywords), &name,
                                        &PyCode_Type, &code, &loader, &origin, &cached, &search_entry, &locations,
                                        &stamp_path, &stamp, &pyc, &pyc_elsewhere, &marshalled, &PyDict_Type, &orders,
                                        &random_hashes) == 0) {
            return nullptr;
        }
        capture::ModuleToAdd module;
        module.description.name = to_text(name);
        module.description.loader = to_loader_kind(loader);
        module.description.origin = to_text(origin);
        module.description.cached = to_optional_text(cached);
        module.description.stamp_path = to_text(stamp_path);
        if (locations != Py_None) {
            module.description.locations = to_texts(locations);
        }
        module.description.stamp = to_stamp(stamp);
        module.description.random_hashes = random_hashes != 0;
        module.search_entry = to_optional_text(search_entry);
        module.pyc_path = to_optional_text(pyc);
        module.pyc_elsewhere = pyc_elsewhere != 0;
        module.marshalled = to_optional_bytes(marshalled);
        module.code = code;
        module.frozenset_orders = orders;
        PlanOwner::value_of(self).add(std::move(module));
        Py_RETURN_NONE;
    });
}

PyObject* add_place(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        static const char* keywords[] = {"kind", "name", "origin", "search_entry", "locations", nullptr};
        PyObject* kind = nullptr;
        PyObject* name = nullptr;
        PyObject* origin = nullptr;
        PyObject* search_entry = nullptr;
        PyObject* locations = nullptr;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "UUUOO:add_place", const_cast<char**>(keywords), &kind, &name,
                                        &origin, &search_entry, &locations) == 0) {
            return nullptr;
        }
        capture::ModuleToAdd module;
        module.description.loader = to_kind_of_place(kind);
        module.description.name = to_text(name);
        module.description.origin = to_text(origin);
        module.description.stamp_path = module.description.origin;
        module.search_entry = to_optional_text(search_entry);
        if (locations != Py_None) {
            module.description.locations = to_texts(locations);
        }
        PlanOwner::value_of(self).add_place(std::move(module));
        Py_RETURN_NONE;
    });
}

PyObject* add_memo(PyObject* self, PyObject* args) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* name = nullptr;
        PyObject* code = nullptr;
        if (PyArg_ParseTuple(args, "UO!:add_memo", &name, &PyCode_Type, &code) == 0) {
            return nullptr;
        }
        PlanOwner::value_of(self).add_memo(to_text(name), code);
        Py_RETURN_NONE;
    });
}

PyObject* add_search_path(PyObject* self, PyObject* entries) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&] {
        PlanOwner::value_of(self).surroundings().add_search_path(to_texts(entries));
        return Py_NewRef(Py_None);
    });
}

PyObject* write(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        static const char* keywords[] = {"path", "creator", "options", nullptr};
        PyObject* path = nullptr;
        const char* creator = "pycds";
        PyObject* words = nullptr;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|sO:write", const_cast<char**>(keywords), &path, &creator,
                                        &words) == 0) {
            return nullptr;
        }
        std::uint32_t options = 0;
        for (const std::string& word : words == nullptr ? std::vector<std::string>() : to_texts(words)) {
            const auto option = image::option_named(word);
            if (!option) {
                PyErr_Format(PyExc_ValueError, "an archive has no option '%s'", word.c_str());
                return nullptr;
            }
            options |= *option;
        }
        const capture::WriteSummary summary =
            PlanOwner::value_of(self).write(to_path(path), cpython::current_identity(), creator, options);
        DictBuilder result;
        result.set("modules", summary.modules)
            .set("memos", summary.memos)
            .set("bytes", summary.bytes)
            .set("code_objects", summary.code_objects)
            .set("strings", summary.strings)
            .set("shared", summary.shared)
            .set("segments_bytes", summary.segments_bytes)
            .set("pool_bytes", summary.pool_bytes);
        return result.release();
    });
}

PyMethodDef methods[] = {
    {"add", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(add)), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("add(name, code, *, loader, origin, cached, search_entry, locations, stamp_path, stamp, pyc, "
               "pyc_elsewhere, marshalled, frozenset_orders, random_hashes)\n--\n\nCapture a module's pristine "
               "code object.")},
    {"add_place", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(add_place)), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("add_place(kind, name, origin, search_entry, locations)\n--\n\nNote where an extension module or a "
               "namespace package is, or that a name is nowhere.")},
    {"add_memo", add_memo, METH_VARARGS,
     PyDoc_STR(
         "add_memo(name, code)\n--\n\nKeep a code object under a name that no module can have, behind all modules.")},
    {"add_search_path", add_search_path, METH_O,
     PyDoc_STR("add_search_path(entries)\n--\n\nRecord sys.path as it was, in order.")},
    {"write", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(write)), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("write(path, creator='pycds', options=())\n--\n\nLay out and write the archive, or leave the target "
               "as it was.")},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "Plan(installation=())\n--\n\nA dump in the making: add modules in order of first use, then write.")},
    {Py_tp_new, slot(PlanOwner::allocate)},
    {Py_tp_init, slot(initialise)},
    {Py_tp_dealloc, slot(PlanOwner::deallocate)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.Plan", sizeof(PlanOwner), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyTypeObject* add_plan_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
