#pragma once

#include "../cpython/python.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace pycds::serve {

// Makes the ModuleSpec of a module that lies in a file, with its loader, as importlib.util.spec_from_file_location
// does.
//
// Their __init__ methods are Python functions that only assign attributes; calling them would cost a third of a
// look-up. So one spec is made by the real constructor, and its attributes, in their order, are the template for all
// others.
class SpecTemplate {
  public:
    SpecTemplate() = default;
    // Throws PythonError.
    explicit SpecTemplate(PyObject* spec_type);

    struct Values {
        PyObject* name;         // borrowed str
        PyObject* loader_type;  // borrowed: SourceFileLoader or SourcelessFileLoader
        std::string_view origin;
        std::optional<std::string_view> cached;
        std::optional<std::vector<std::string_view>> locations;
    };
    // The spec, and those of its values that a module made from it has too.
    struct Made {
        cpython::Ref spec;
        cpython::Ref loader;
        cpython::Ref origin;
        cpython::Ref cached;     // null where the spec works it out when it is asked
        cpython::Ref locations;  // null for what is no package
    };
    // Throws PythonError.
    [[nodiscard]] Made make(const Values& values) const;

  private:
    enum class Source { name, loader, origin, cached, locations, has_location, new_list, constant };
    struct Attribute {
        cpython::Ref key;
        Source source;
        cpython::Ref value;  // of a constant
    };

    void add_attribute(PyObject* key, PyObject* value);
    [[nodiscard]] cpython::Ref make_loader(const Values& values, const cpython::Ref& origin) const;
    [[nodiscard]] static cpython::Ref value_of(const Attribute& attribute, const Values& values, const Made& made);

    cpython::Ref spec_type_;
    cpython::Ref no_arguments_;
    cpython::Ref name_;
    cpython::Ref path_;
    std::vector<Attribute> attributes_;
};

}  // namespace pycds::serve
