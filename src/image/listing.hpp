#pragma once

// What stands in a directory, as far as it can matter to an import.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pycds::image {

struct ListedName {
    enum class Kind : char { directory = '/', file = '\0', another = '?' };  // links followed

    std::string name;
    Kind kind = Kind::another;
    bool is_link = false;
};

class Listing {
  public:
    // nullopt where the directory cannot be read.
    [[nodiscard]] static std::optional<Listing> of(const std::string& directory);

    // Sorted; without `__pycache__` and what could not be a module: a directory with a dot in its name, a file that is
    // neither source, nor .pyc, nor shared object.  Links of such names are there whatever they lead to.
    [[nodiscard]] const std::vector<ListedName>& names() const noexcept { return names_; }

    // Checksum of the names and their kinds: equal for directories in which imports find the same.
    [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }

    // Whether something there may be, or become without a change of this directory, a module `stem`.
    [[nodiscard]] bool may_hold(std::string_view stem) const noexcept;

  private:
    std::vector<ListedName> names_;
    std::uint64_t digest_ = 0;
};

// Whether a file of this name in a directory can be a module `stem`: `stem.py`, `stem.pyc`, `stem.abi3.so` ...
[[nodiscard]] bool is_file_of_module(std::string_view name, std::string_view stem) noexcept;

}  // namespace pycds::image
