// Finder: the meta-path finder.

#include "finder_type.hpp"

#include "../image/options.hpp"
#include "boundary.hpp"
#include "conversions.hpp"
#include "memo_types.hpp"
#include "owner.hpp"

namespace pycds::bindings {

namespace {

using cpython::Ref;
using FinderOwner = Owner<serve::Finder>;

int initialise(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), -1, [&] {
        static const char* keywords[] = {"path", "validation", "memo", nullptr};
        PyObject* path = nullptr;
        const char* word = "exact";
        int memo = 1;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|sp:Finder", const_cast<char**>(keywords), &path, &word,
                                        &memo) == 0) {
            return -1;
        }
        const auto validation = serve::to_validation(word);
        if (!validation) {
            PyErr_Format(PyExc_ValueError, "validation '%s' is not one of exact, digest, sealed", word);
            return -1;
        }
        if (FinderOwner::of(self).value) {
            PyErr_SetString(PyExc_RuntimeError, "a Finder is initialised once");
            return -1;
        }
        FinderOwner::of(self).value = std::make_unique<serve::Finder>(to_path(path), *validation);
        if (memo == 0) {
            FinderOwner::value_of(self).regexes().turn_off();
            FinderOwner::value_of(self).codes().turn_off();
        }
        return 0;
    });
}

PyObject* find_spec(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        static const char* keywords[] = {"fullname", "path", "target", nullptr};
        PyObject* name = nullptr;
        PyObject* path = Py_None;
        PyObject* target = Py_None;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:find_spec", const_cast<char**>(keywords), &name, &path,
                                        &target) == 0) {
            return nullptr;
        }
        serve::Found found = finder_of(self).find(self, name, path, target);
        if (!found.spec) {
            Py_RETURN_NONE;
        }
        if (found.entry != nullptr) {
            serve_code_through(self, found.loader.get(), name, *found.entry);
            witness_when_executed(self, found.loader.get(), *found.entry);
        }
        return found.spec.release();
    });
}

PyObject* invalidate_caches(PyObject* self, PyObject* /*unused*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&] {
        finder_of(self).invalidate_caches();
        return Py_NewRef(Py_None);
    });
}

template <typename Item, typename Make>
Ref list_of(const std::vector<Item>& items, Make&& make) {
    Ref list = Ref::steal(PyList_New(static_cast<Py_ssize_t>(items.size())));
    for (std::size_t i = 0; i < items.size(); ++i) {
        PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), make(items[i]).release());
    }
    return list;
}

Ref from_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
    return list_of(pairs, [](const auto& pair) {
        const Ref first = cpython::decode_text(pair.first);
        const Ref second = cpython::decode_text(pair.second);
        return Ref::steal(PyTuple_Pack(2, first.get(), second.get()));
    });
}

PyObject* witness_regexes(PyObject* self, PyObject* module) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&] {
        witness_regex_module(self, module);
        return Py_NewRef(Py_None);
    });
}

PyObject* stale(PyObject* self, PyObject* /*unused*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr),
                   [&] { return from_pairs(finder_of(self).stale()).release(); });
}

PyObject* examine(PyObject* self, PyObject* args) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&]() -> PyObject* {
        PyObject* name = nullptr;
        PyObject* path = Py_None;
        if (PyArg_ParseTuple(args, "U|O:examine", &name, &path) == 0) {
            return nullptr;
        }
        const serve::Finder::Examined examined = finder_of(self).examine(self, name, path);
        const Ref miss = examined.miss ? cpython::decode_text(*examined.miss) : Ref::borrow(Py_None);
        const Ref spec = examined.spec ? examined.spec : Ref::borrow(Py_None);
        return PyTuple_Pack(2, miss.get(), spec.get());
    });
}

DictBuilder memo_statistics(const serve::MemoEntries& entries) {
    const serve::MemoCounters counted = entries.counters();
    DictBuilder result;
    result.set("served", counted.served)
        .set("missed", counted.missed)
        .set("not_kept", counted.not_kept)
        .set("changed", counted.changed)
        .set("repeated", counted.repeated)
        .set("unreadable", counted.unreadable)
        .set("served_ns", counted.nanoseconds)
        .set("used", from_texts(entries.used()));
    return result;
}

DictBuilder regex_statistics(serve::Finder& finder) {
    const auto lacking = finder.regexes().lacking();
    DictBuilder result = memo_statistics(finder.regexes().entries());
    result.set("lacking", list_of(lacking, [](const auto& regex) {
                   return Ref::steal(PyTuple_Pack(2, regex.first.get(), regex.second.get()));
               }));
    return result;
}

DictBuilder code_statistics(serve::Finder& finder) {
    const auto lacking = finder.codes().lacking();
    DictBuilder result = memo_statistics(finder.codes().entries());
    result.set("lacking", list_of(lacking, from_compilation));
    return result;
}

PyObject* statistics(PyObject* self, PyObject* /*unused*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&] {
        serve::Finder& finder = finder_of(self);
        // Copies: making the objects below may run the collector, and with it Python code and other threads, which go
        // on counting.
        const serve::Statistics counted = finder.statistics();
        const serve::LinkCounters linked = finder.link_counters();
        const image::Header& header = finder.reader().header();
        DictBuilder misses;
        for (const auto& [reason, count] : counted.misses) {
            misses.set(reason.c_str(), count);
        }
        DictBuilder regexes = regex_statistics(finder);
        DictBuilder codes = code_statistics(finder);
        DictBuilder result;
        result.set("archive", std::string_view(finder.reader().path()))
            .set("modules", header.modules - header.memos - header.places)
            .set("places", header.places)
            .set("resolved", counted.resolved)
            .set("memos", header.memos)
            .set("hits", counted.served.size())
            .set("misses", misses.take())
            .set("missed", from_pairs(counted.missed))
            .set("unarchived", from_texts(counted.unarchived))
            .set("served", from_texts(counted.served))
            .set("direct", counted.direct)
            .set("attach_ns", counted.attach_ns)
            .set("link_ns", linked.nanoseconds)
            .set("read_ns", linked.read_nanoseconds)
            .set("linked_bytes", linked.bytes)
            .set("linked_objects", linked.code_objects)
            .set("relocations", linked.relocations)
            .set("interned", linked.interned)
            .set("reused_strings", linked.reused)
            .set("regexes", regexes.take())
            .set("codes", codes.take());
        return result.release();
    });
}

PyObject* options(PyObject* self, PyObject* /*unused*/) {
    return guarded(state_of_type(Py_TYPE(self)), static_cast<PyObject*>(nullptr), [&] {
        return from_texts(image::names_of_options(finder_of(self).reader().header().options)).release();
    });
}

PyMethodDef methods[] = {
    {"find_spec", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(find_spec)), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("find_spec(fullname, path=None, target=None)\n--\n\n"
               "The spec of an archived module, as the ordinary finders would give it; None for all others.")},
    {"invalidate_caches", invalidate_caches, METH_NOARGS,
     PyDoc_STR("invalidate_caches()\n--\n\nLook at the directories anew at the next import.")},
    {"witness_regex_module", witness_regexes, METH_O,
     PyDoc_STR("witness_regex_module(module)\n--\n\nA module of the compiler of regular expressions was executed.")},
    {"stale", stale, METH_NOARGS,
     PyDoc_STR("stale()\n--\n\n(module, reason) for each module whose file would now give other code.")},
    {"examine", examine, METH_VARARGS,
     PyDoc_STR("examine(fullname, path=None)\n--\n\nWhether an import would be served now: (reason of the miss or "
               "None, spec or None). Nothing is counted or linked.")},
    {"options", options, METH_NOARGS,
     PyDoc_STR("options()\n--\n\nWhat the archive asks for besides: startup-gc, fast-exit.")},
    {"statistics", statistics, METH_NOARGS,
     PyDoc_STR("statistics()\n--\n\nWhat was served, and what was not and why.")},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("Finder(path, validation='exact', memo=True)\n--\n\nMeta-path finder over one "
                                  "archive, for this interpreter.")},
    {Py_tp_new, slot(FinderOwner::allocate)},
    {Py_tp_init, slot(initialise)},
    {Py_tp_dealloc, slot(FinderOwner::deallocate)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.Finder", sizeof(FinderOwner), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

serve::Finder& finder_of(PyObject* self) { return FinderOwner::value_of(self); }

PyTypeObject* add_finder_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
