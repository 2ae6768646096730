/* The oracle: a meta-path finder over code objects that already live in this process.
 *
 * It is the least that any archive of code can cost: no file is looked at, nothing is read or
 * unmarshalled, a module's code object is only handed over.  Specs and loaders are ordinary
 * ModuleSpec and SourceFileLoader objects with the attributes that a plain import would set;
 * the one difference is an exec_module of the loader's own that runs the code it was given.
 *
 * preload.py fills the store before the clock starts.  Nothing in it is ever freed.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030a0000
static inline PyObject* Py_NewRef(PyObject* object) {
    Py_INCREF(object);
    return object;
}
#endif

static PyObject* store;         /* {name: (code, origin, cached, locations or None)} */
static PyObject* spec_type;     /* importlib._bootstrap.ModuleSpec */
static PyObject* loader_type;   /* importlib._bootstrap_external.SourceFileLoader */
static PyObject* spec_template; /* attributes of a fresh spec, which differ between versions */
static PyObject* no_arguments;
static PyObject* run_body; /* called with code and globals in place of the evaluation; NULL where nothing is observed */

static PyObject *text_name, *text_path, *text_loader, *text_origin, *text_cached, *text_locations, *text_exec_module,
    *text_dict, *text_builtins;

/* loader.exec_module(module), `self` being the code object. */
static PyObject* exec_module(PyObject* code, PyObject* module) {
    PyObject* globals = PyModule_GetDict(module);
    if (globals == NULL)
        return NULL;
    if (PyDict_GetItemWithError(globals, text_builtins) == NULL &&
        (PyErr_Occurred() || PyDict_SetItem(globals, text_builtins, PyEval_GetBuiltins()) < 0))
        return NULL;
    if (run_body != NULL)
        return PyObject_CallFunctionObjArgs(run_body, code, globals, NULL);
    return PyEval_EvalCode(code, globals, globals);
}

static PyMethodDef exec_module_method = {"exec_module", exec_module, METH_O, NULL};

static PyObject* bare_instance(PyObject* type) {
    return ((PyTypeObject*)type)->tp_new((PyTypeObject*)type, no_arguments, NULL);
}

static PyObject* make_loader(PyObject* name, PyObject* code, PyObject* origin) {
    PyObject* loader = bare_instance(loader_type);
    PyObject* method = loader ? PyCFunction_New(&exec_module_method, code) : NULL;
    if (method == NULL || PyObject_SetAttr(loader, text_name, name) < 0 ||
        PyObject_SetAttr(loader, text_path, origin) < 0 || PyObject_SetAttr(loader, text_exec_module, method) < 0)
        Py_CLEAR(loader);
    Py_XDECREF(method);
    return loader;
}

static int set_template_attributes(PyObject* spec) {
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(spec_template, &position, &key, &value)) {
        PyObject* fresh = PyList_CheckExact(value) ? PyList_New(0) : Py_NewRef(value);
        if (fresh == NULL)
            return -1;
        int status = PyObject_SetAttr(spec, key, fresh);
        Py_DECREF(fresh);
        if (status < 0)
            return -1;
    }
    return 0;
}

static PyObject* make_spec(PyObject* name, PyObject* entry) {
    PyObject *code = PyTuple_GET_ITEM(entry, 0), *origin = PyTuple_GET_ITEM(entry, 1);
    PyObject *cached = PyTuple_GET_ITEM(entry, 2), *locations = PyTuple_GET_ITEM(entry, 3);
    PyObject *spec = bare_instance(spec_type), *loader = NULL, *search = NULL;
    if (spec == NULL || set_template_attributes(spec) < 0)
        goto error;
    loader = make_loader(name, code, origin);
    search = locations == Py_None ? Py_NewRef(Py_None) : PySequence_List(locations);
    if (loader == NULL || search == NULL || PyObject_SetAttr(spec, text_name, name) < 0 ||
        PyObject_SetAttr(spec, text_loader, loader) < 0 || PyObject_SetAttr(spec, text_origin, origin) < 0 ||
        PyObject_SetAttr(spec, text_cached, cached) < 0 || PyObject_SetAttr(spec, text_locations, search) < 0)
        goto error;
    Py_DECREF(loader);
    Py_DECREF(search);
    return spec;
error:
    Py_XDECREF(loader);
    Py_XDECREF(search);
    Py_XDECREF(spec);
    return NULL;
}

/* find_spec(name, path=None, target=None): each module is handed over once, as a code object runs best once. */
static PyObject* find_spec(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
    (void)self;
    (void)names;
    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "find_spec() needs the name of a module");
        return NULL;
    }
    PyObject* entry = PyDict_GetItemWithError(store, arguments[0]);
    if (entry == NULL || entry == Py_None)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    PyObject* spec = make_spec(arguments[0], entry);
    if (spec != NULL) {
        Py_INCREF(entry); /* keeps the code alive for good: tearing it down is no cost of an oracle */
        if (PyDict_SetItem(store, arguments[0], Py_None) < 0)
            Py_CLEAR(spec);
    }
    return spec;
}

static PyObject* add(PyObject* self, PyObject* arguments) {
    PyObject *name, *code, *origin, *cached, *locations;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "UO!UOO:add", &name, &PyCode_Type, &code, &origin, &cached, &locations))
        return NULL;
    PyObject* entry = PyTuple_Pack(4, code, origin, cached, locations);
    if (entry == NULL || PyDict_SetItem(store, name, entry) < 0) {
        Py_XDECREF(entry);
        return NULL;
    }
    Py_DECREF(entry);
    Py_RETURN_NONE;
}

static PyObject* configure(PyObject* self, PyObject* arguments) {
    PyObject* template_spec;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "OO:configure", &template_spec, &loader_type))
        return NULL;
    Py_INCREF(loader_type);
    spec_type = Py_NewRef((PyObject*)Py_TYPE(template_spec));
    PyObject* attributes = PyObject_GetAttr(template_spec, text_dict);
    spec_template = attributes ? PyDict_Copy(attributes) : NULL;
    Py_XDECREF(attributes);
    if (spec_template == NULL)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject* remaining(PyObject* self, PyObject* unused) {
    Py_ssize_t position = 0, count = 0;
    PyObject *key, *value;
    (void)self;
    (void)unused;
    while (PyDict_Next(store, &position, &key, &value))
        count += value != Py_None;
    return PyLong_FromSsize_t(count);
}

static PyObject* run_bodies_with(PyObject* self, PyObject* function) {
    (void)self;
    run_body = Py_NewRef(function);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"add", add, METH_VARARGS, "add(name, code, origin, cached, locations): put a module in the store."},
    {"configure", configure, METH_VARARGS, "configure(template_spec, loader_type): which objects to make."},
    {"find_spec", (PyCFunction)(void (*)(void))find_spec, METH_FASTCALL | METH_KEYWORDS, "The finder."},
    {"run_bodies_with", run_bodies_with, METH_O, "run_bodies_with(function): have function(code, globals) run bodies."},
    {"remaining", remaining, METH_NOARGS, "remaining(): modules not handed over yet."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_oracle", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__oracle(void) {
    store = PyDict_New();
    no_arguments = PyTuple_New(0);
    text_name = PyUnicode_InternFromString("name");
    text_path = PyUnicode_InternFromString("path");
    text_loader = PyUnicode_InternFromString("loader");
    text_origin = PyUnicode_InternFromString("origin");
    text_cached = PyUnicode_InternFromString("_cached");
    text_locations = PyUnicode_InternFromString("submodule_search_locations");
    text_exec_module = PyUnicode_InternFromString("exec_module");
    text_dict = PyUnicode_InternFromString("__dict__");
    text_builtins = PyUnicode_InternFromString("__builtins__");
    if (!store || !no_arguments || !text_name || !text_path || !text_loader || !text_origin || !text_cached ||
        !text_locations || !text_exec_module || !text_dict || !text_builtins)
        return NULL;
    return PyModule_Create(&definition);
}
