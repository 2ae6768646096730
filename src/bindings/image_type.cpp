// Image: an archive opened by tools; nothing in it becomes an object of the runtime.

#include "../image/reader.hpp"

#include "boundary.hpp"
#include "conversions.hpp"
#include "owner.hpp"

namespace pycds::bindings {

namespace {

using cpython::check;
using cpython::Ref;
using ImageOwner = Owner<image::Reader>;

int initialise(PyObject* self, PyObject* args, PyObject* kwargs) {
    return guarded(state_of_type(Py_TYPE(self)), -1, [&] {
        static const char* keywords[] = {"path", nullptr};
        PyObject* path = nullptr;
        if (PyArg_ParseTupleAndKeywords(args, kwargs, "O", const_cast<char**>(keywords), &path) == 0) {
            return -1;
        }
        ImageOwner::of(self).value = std::make_unique<image::Reader>(to_path(path));
        return 0;
    });
}

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("Image(path)\n--\n\nAn archive opened for reading by tools.")},
    {Py_tp_new, slot(ImageOwner::allocate)},
    {Py_tp_init, slot(initialise)},
    {Py_tp_dealloc, slot(ImageOwner::deallocate)},
    {0, nullptr},
};

PyType_Spec spec = {"pycds._core.Image", sizeof(ImageOwner), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyTypeObject* add_image_type(PyObject* module) { return add_type(module, spec); }

}  // namespace pycds::bindings
