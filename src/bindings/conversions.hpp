#pragma once

#include "../cpython/python.hpp"
#include "../cpython/text.hpp"
#include "../image/format.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pycds::bindings {

// Each throws PythonError where the argument is of another type.
[[nodiscard]] std::string to_text(PyObject* object);
[[nodiscard]] std::optional<std::string> to_optional_text(PyObject* object);
[[nodiscard]] std::vector<std::string> to_texts(PyObject* sequence);
// A path for the operating system: str or os.PathLike, in the file system encoding.
[[nodiscard]] std::string to_path(PyObject* object);

[[nodiscard]] cpython::Ref from_unsigned(std::uint64_t value);
[[nodiscard]] cpython::Ref from_signed(std::int64_t value);
[[nodiscard]] cpython::Ref from_texts(const std::vector<std::string>& texts);

// A dict in the making.
class DictBuilder {
  public:
    DictBuilder() : dict_(cpython::Ref::steal(PyDict_New())) {}

    DictBuilder& set(const char* key, const cpython::Ref& value);
    DictBuilder& set(const char* key, std::uint64_t value) { return set(key, from_unsigned(value)); }
    DictBuilder& set(const char* key, std::string_view text) { return set(key, cpython::decode_text(text)); }
    DictBuilder& set_bool(const char* key, bool value);
    [[nodiscard]] PyObject* release() noexcept { return dict_.release(); }
    [[nodiscard]] cpython::Ref take() noexcept { return std::move(dict_); }

  private:
    cpython::Ref dict_;
};

// The Identity of _core.pyi.
[[nodiscard]] cpython::Ref from_identity(const image::IdentityRecord& identity);

}  // namespace pycds::bindings
