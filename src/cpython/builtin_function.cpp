#include "builtin_function.hpp"

namespace pycds::cpython {

namespace {

PyMethodDef*& definition_of(PyObject* function) noexcept {
    return reinterpret_cast<PyCFunctionObject*>(function)->m_ml;
}

// PyMethodDef has one type for functions of all kinds of arguments; ml_flags says which it is.
template <typename Function>
PyCFunction as_stored(Function function) noexcept {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

template <typename Function>
Function as_called(PyCFunction function) noexcept {
    return reinterpret_cast<Function>(reinterpret_cast<void (*)()>(function));
}

}  // namespace

bool BuiltinFunction::take(PyObject* function, Fast fast, FastWithNames with_names) {
    if (function_ || Py_TYPE(function) != &PyCFunction_Type) {
        return false;
    }
    PyMethodDef* original = definition_of(function);
    if (original->ml_flags != METH_FASTCALL && original->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) {
        return false;
    }
    if (!replacement_) {
        replacement_ = std::make_unique<PyMethodDef>();
    }
    *replacement_ = *original;
    replacement_->ml_meth = original->ml_flags == METH_FASTCALL ? as_stored(fast) : as_stored(with_names);
    original_ = original;
    function_ = Ref::borrow(function);
    definition_of(function) = replacement_.get();
    return true;
}

void BuiltinFunction::give_back() noexcept {
    if (function_ && definition_of(function_.get()) == replacement_.get()) {
        definition_of(function_.get()) = original_;
    }
    function_.clear();  // `original_` stays, for calls that are under way
}

PyObject* BuiltinFunction::call_original(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                         PyObject* names) const {
    if (original_->ml_flags == METH_FASTCALL) {
        return as_called<Fast>(original_->ml_meth)(self, arguments, count);
    }
    return as_called<FastWithNames>(original_->ml_meth)(self, arguments, count, names);
}

}  // namespace pycds::cpython
