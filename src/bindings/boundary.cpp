#include "boundary.hpp"

#include "../capture/walk.hpp"
#include "../cpython/text.hpp"
#include "../image/error.hpp"

#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace pycds::bindings {

namespace {

using cpython::check;
using cpython::Ref;

void set_refusal(ModuleState& state, const image::Error& error) noexcept {
    try {
        const Ref reason = cpython::decode_text(to_string(error.reason()));
        const Ref message = cpython::decode_text(error.what());
        const Ref refusal = Ref::steal(PyObject_CallOneArg(state.refusal, message.get()));
        check(PyObject_SetAttrString(refusal.get(), "reason", reason.get()));
        check(PyObject_SetAttrString(refusal.get(), "message", message.get()));
        PyErr_SetObject(state.refusal, refusal.get());
    } catch (const cpython::PythonError&) {
        // The failure to report has replaced the report.
    }
}

void set_os_error(const std::system_error& error) noexcept {
    // what() is "path: message": the path alone, as OSError wants it.
    std::string what = error.what();
    const std::string suffix = ": " + error.code().message();
    if (what.ends_with(suffix)) {
        what.resize(what.size() - suffix.size());
    }
    errno = error.code().value();
    const Ref path = Ref::steal_or_null(PyUnicode_DecodeFSDefault(what.c_str()));
    if (path) {
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path.get());
    }
}

}  // namespace

// Here once, and not in each function that is guarded.
void set_exception(ModuleState& state) noexcept {
    try {
        throw;
    } catch (const image::Error& error) {
        set_refusal(state, error);
    } catch (const capture::Unarchivable& error) {
        PyErr_SetString(state.unarchivable, error.what());
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::system_error& error) {
        set_os_error(error);
    } catch (const std::invalid_argument& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::length_error& error) {
        PyErr_SetString(PyExc_OverflowError, error.what());
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_SystemError, error.what());
    }
}

}  // namespace pycds::bindings
