#include "import_system.hpp"

#include "../cpython/error_state.hpp"
#include "../cpython/runtime.hpp"
#include "../cpython/text.hpp"
#include "attributes.hpp"

namespace pycds::serve {

namespace {

using cpython::check;
using cpython::Ref;

// What a class has to find modules with: importlib_metadata, the package, takes finding distributions off PathFinder.
Ref finding_attributes(PyObject* type) {
    Ref found = cpython::class_attributes(type);
    const Ref other = Ref::steal(PyUnicode_InternFromString("find_distributions"));
    if (PyDict_DelItem(found.get(), other.get()) < 0) {
        PyErr_Clear();  // KeyError: it has none
    }
    return found;
}

bool has_the_same_values(PyObject* one, PyObject* other) {
    PyObject* name = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t position = 0;
    while (PyDict_Next(one, &position, &name, &value) != 0) {
        if (PyDict_GetItemWithError(other, name) != value) {
            PyErr_Clear();
            return false;
        }
    }
    return PyDict_GET_SIZE(one) == PyDict_GET_SIZE(other);
}

}  // namespace

ImportSystem::ImportSystem() : get_code_(Ref::steal(PyUnicode_InternFromString("get_code"))) {
    const Ref bootstrap = Ref::steal(PyImport_ImportModule("_frozen_importlib"));
    const Ref external = Ref::steal(PyImport_ImportModule("_frozen_importlib_external"));
    const Ref zipimport = Ref::steal(PyImport_ImportModule("zipimport"));
    module_spec_ = attribute(bootstrap.get(), "ModuleSpec");
    spec_template_ = SpecTemplate(module_spec_.get());
    builtin_importer_ = attribute(bootstrap.get(), "BuiltinImporter");
    frozen_importer_ = attribute(bootstrap.get(), "FrozenImporter");
    source_loader_ = attribute(external.get(), "SourceFileLoader");
    sourceless_loader_ = attribute(external.get(), "SourcelessFileLoader");
    extension_loader_ = attribute(external.get(), "ExtensionFileLoader");
    file_finder_ = attribute(external.get(), "FileFinder");
    path_finder_ = attribute(external.get(), "PathFinder");
    namespace_path_ = attribute(external.get(), "_NamespacePath");
    cache_from_source_ = attribute(external.get(), "cache_from_source");
    if (PyObject_HasAttrString(bootstrap.get(), "_find_spec_legacy") != 0) {
        find_spec_legacy_ = attribute(bootstrap.get(), "_find_spec_legacy");
    }
    asks_for_cached_ = names_in_code(attribute(bootstrap.get(), "_init_module_attrs").get(), "cached");
    zip_importer_ = attribute(zipimport.get(), "zipimporter");
    give_versions();
    class_versions_ = class_versions();
    path_finder_attributes_ = finding_attributes(path_finder_.get());
    path_importers_ = PathImporters(external.get(), zipimport.get());
}

std::array<unsigned, 7> ImportSystem::class_versions() const noexcept {
    return {cpython::type_version(module_spec_.get()),       cpython::type_version(source_loader_.get()),
            cpython::type_version(sourceless_loader_.get()), cpython::type_version(extension_loader_.get()),
            cpython::type_version(file_finder_.get()),       cpython::type_version(path_finder_.get()),
            cpython::type_version(zip_importer_.get())};
}

// A look-up gives a class its version if it has none.
void ImportSystem::give_versions() const {
    for (const Ref* type : {&module_spec_, &source_loader_, &sourceless_loader_, &extension_loader_, &file_finder_,
                            &path_finder_, &zip_importer_}) {
        (void)attribute(type->get(), "__init__");
    }
}

bool ImportSystem::classes_unchanged() const noexcept {
    if (class_versions() == class_versions_) {
        return true;
    }
    const cpython::ErrorState keep;
    try {
        if (!finds_modules_as_before()) {
            return false;
        }
        give_versions();
        class_versions_ = class_versions();
        return true;
    } catch (const std::exception&) {
        PyErr_Clear();
        return false;
    }
}

// Of all classes, PathFinder alone has changed since the versions were taken, and not in what finds modules.
bool ImportSystem::finds_modules_as_before() const {
    constexpr std::size_t path_finder = 5;
    std::array<unsigned, 7> otherwise = class_versions();
    otherwise[path_finder] = class_versions_[path_finder];
    return otherwise == class_versions_ &&
           has_the_same_values(finding_attributes(path_finder_.get()).get(), path_finder_attributes_.get());
}

SpecTemplate::Made ImportSystem::make_spec(const FileModule& module) const {
    const Ref& type = module.loader == image::LoaderKind::source       ? source_loader_
                      : module.loader == image::LoaderKind::sourceless ? sourceless_loader_
                                                                       : extension_loader_;
    return spec_template_.make({module.name, type.get(), module.origin, module.cached, module.locations});
}

// importlib._bootstrap_external, PathFinder.find_spec and _get_spec.
Ref ImportSystem::make_namespace_spec(PyObject* name, const std::vector<std::string>& portions) const {
    const Ref paths = Ref::steal(PyList_New(0));
    for (const std::string& portion : portions) {
        check(PyList_Append(paths.get(), cpython::decode_text(portion).get()));
    }
    Ref spec = Ref::steal(PyObject_CallFunctionObjArgs(module_spec_.get(), name, Py_None, nullptr));
    const Ref get_spec = attribute(path_finder_.get(), "_get_spec");
    const Ref path =
        Ref::steal(PyObject_CallFunctionObjArgs(namespace_path_.get(), name, paths.get(), get_spec.get(), nullptr));
    check(PyObject_SetAttrString(spec.get(), "submodule_search_locations", path.get()));
    return spec;
}

std::optional<image::LoaderKind> ImportSystem::kind_of(PyObject* loader) const noexcept {
    auto* type = reinterpret_cast<PyObject*>(Py_TYPE(loader));
    if (type == source_loader_.get()) {
        return image::LoaderKind::source;
    }
    if (type == sourceless_loader_.get()) {
        return image::LoaderKind::sourceless;
    }
    if (type == zip_importer_.get()) {
        return image::LoaderKind::zip;
    }
    return std::nullopt;
}

bool ImportSystem::ignores_files(PyObject* finder) const noexcept {
    return finder == builtin_importer_.get() || finder == frozen_importer_.get();
}

Ref ImportSystem::entries_of(PyObject* path) const {
    PyObject* entries = path == Py_None ? sys_.path() : path;
    if (entries != nullptr && PyList_CheckExact(entries)) {
        return Ref::borrow(entries);
    }
    const bool is_of_namespace = reinterpret_cast<PyObject*>(Py_TYPE(path)) == namespace_path_.get();
    return is_of_namespace ? Ref::steal(PySequence_List(path)) : Ref();
}

// importlib._bootstrap, _find_spec.
Ref ImportSystem::find_spec_without(PyObject* finder, PyObject* name, PyObject* path) const {
    if (!find_spec_legacy_) {
        return {};
    }
    Ref spec = Ref::steal(PyObject_CallFunctionObjArgs(find_spec_legacy_.get(), finder, name, path, nullptr));
    return spec.get() == Py_None ? Ref() : spec;
}

bool ImportSystem::caches_beside_source() const {
    PyObject* prefix = sys_.pycache_prefix();
    return prefix == nullptr || prefix == Py_None;
}

std::string ImportSystem::cache_from_source(std::string_view source) const {
    const Ref path = cpython::decode_text(source);
    const Ref cached = Ref::steal(PyObject_CallOneArg(cache_from_source_.get(), path.get()));
    return cpython::encode_text(cached.get());
}

}  // namespace pycds::serve
