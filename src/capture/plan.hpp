#pragma once

// A dump in the making: modules are added in order of first use, then the archive is written once.

#include "../image/writer.hpp"
#include "constants.hpp"
#include "surroundings.hpp"
#include "walk.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace pycds::capture {

struct ModuleToAdd {
    image::ModuleDescription description;        // its stamp: as it was before the code was read
    std::optional<std::string> search_entry;     // where a stock FileFinder found it
    std::optional<std::string> pyc_path;         // the .pyc that the loader looked at
    bool pyc_elsewhere = false;                  // under sys.pycache_prefix
    std::optional<std::string_view> marshalled;  // of code that the loader has compiled
    PyObject* code = nullptr;                    // borrowed
    PyObject* frozenset_orders = nullptr;        // borrowed dict
};

struct WriteSummary {
    std::size_t modules = 0;
    std::size_t memos = 0;
    std::size_t bytes = 0;
    std::size_t code_objects = 0;
    std::size_t strings = 0;
    std::size_t shared = 0;
    std::size_t segments_bytes = 0;
    std::size_t pool_bytes = 0;
};

class Plan {
  public:
    // What is around the modules; its search path is to be set before modules are added.
    [[nodiscard]] Surroundings& surroundings() noexcept { return surroundings_; }

    // Throws Unarchivable, std::invalid_argument (name already there), PythonError; the plan is then unchanged.
    void add(ModuleToAdd module);
    // What has no code: an extension module, a namespace package, a name that was found nowhere.  Throws
    // std::invalid_argument.
    void add_place(ModuleToAdd module);
    // What is kept under a name that no module can have; to be called when all modules have been added.  Throws as
    // add().
    void add_memo(const std::string& name, PyObject* code);
    // Throws std::system_error, std::length_error.
    WriteSummary write(const std::string& path, const image::IdentityRecord& identity, const std::string& creator,
                       std::uint32_t options);

  private:
    void take(ModuleToAdd& module, CapturedModule captured);
    void describe_source(image::ModuleDescription& description);
    [[nodiscard]] std::optional<std::uint64_t> content_of_zip(const std::string& path);

    ConstantTable constants_;
    Surroundings surroundings_;
    std::vector<image::ModuleDescription> descriptions_;
    std::vector<CapturedModule> modules_;
    std::unordered_set<std::string> names_;
    std::unordered_map<std::string, std::optional<std::uint64_t>> zips_;  // path → content
    std::uint32_t next_code_ = 0;
    std::size_t memos_ = 0;
};

}  // namespace pycds::capture
