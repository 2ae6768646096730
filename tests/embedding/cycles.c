/* Initialise and finalise the interpreter several times in one process, with an archive attached each time.

   usage: cycles CYCLES EXECUTABLE PROGRAM

   EXECUTABLE is the Python of the environment whose site-packages hold PyCDS; the archive is named by the environment
   (PYCDSMODE=SHARE, PYCDSARCHIVE).  PROGRAM is run in each cycle and must leave `hits`, the number of modules served,
   in __main__; it is printed.  */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

static int fail(const char* what) {
    fprintf(stderr, "cycles: %s\n", what);
    return 2;
}

static int initialise(const char* executable) {
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, executable);
    if (!PyStatus_Exception(status)) {
        status = PyConfig_SetBytesString(&config, &config.executable, executable);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    return PyStatus_Exception(status) ? -1 : 0;
}

int main(int argc, char** argv) {
    if (argc != 4) {
        return fail("usage: cycles CYCLES EXECUTABLE PROGRAM");
    }
    for (int cycle = 0, cycles = atoi(argv[1]); cycle < cycles; ++cycle) {
        if (initialise(argv[2]) < 0) {
            return fail("the interpreter does not start");
        }
        if (PyRun_SimpleString(argv[3]) != 0) {
            return fail("the program failed");
        }
        PyObject* hits = PyObject_GetAttrString(PyImport_AddModule("__main__"), "hits");
        if (hits == NULL) {
            return fail("the program left no `hits`");
        }
        printf("cycle %d: %ld hits\n", cycle, PyLong_AsLong(hits));
        fflush(stdout);
        Py_DECREF(hits);
        if (Py_FinalizeEx() < 0) {
            return fail("the interpreter does not end");
        }
    }
    return 0;
}
