#pragma once

// A dump in the making: modules are added in order of first use, then the archive is written once.

#include "../image/writer.hpp"
#include "constants.hpp"
#include "walk.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace pycds::capture {

struct ModuleToAdd {
    image::ModuleDescription description;
    std::optional<std::string> search_entry;  // where a stock FileFinder found it
    PyObject* code = nullptr;                 // borrowed
    PyObject* frozenset_orders = nullptr;     // borrowed dict
};

struct WriteSummary {
    std::size_t modules = 0;
    std::size_t bytes = 0;
    std::size_t code_objects = 0;
    std::size_t strings = 0;
    std::size_t shared = 0;
    std::size_t segments_bytes = 0;
    std::size_t pool_bytes = 0;
};

class Plan {
  public:
    // Throws Unarchivable, std::invalid_argument (name already there), PythonError; the plan is then unchanged.
    void add(ModuleToAdd module);
    // sys.path of the run that the archive is for; each entry is stamped now.
    void add_search_path(const std::vector<std::string>& entries);
    // Throws std::system_error, std::length_error.
    WriteSummary write(const std::string& path, const image::IdentityRecord& identity, const std::string& creator);

  private:
    [[nodiscard]] std::uint32_t directory(const std::string& path, std::uint32_t position);

    ConstantTable constants_;
    std::vector<image::ModuleDescription> descriptions_;
    std::vector<CapturedModule> modules_;
    std::unordered_set<std::string> names_;
    std::vector<image::DirectoryDescription> directories_;
    std::unordered_map<std::string, std::uint32_t> directory_numbers_;
    std::uint32_t next_code_ = 0;
};

}  // namespace pycds::capture
