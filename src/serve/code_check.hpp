#pragma once

// Whether the loader of a module would, now, come to the code that the archive holds.
//
// What importlib._bootstrap_external.SourceLoader.get_code looks at, in its order: the source's status, the .pyc beside
// it, the source itself.  One stat answers for the source as long as it has not been touched since the dump, one stat
// of __pycache__ for all .pyc files of a directory; else the files themselves are looked at.

#include "../image/reader.hpp"
#include "directories.hpp"
#include "import_system.hpp"
#include "validation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace pycds::serve {

// What may have happened between the two questions of an import, whether the file is there and whether its code may be
// used.
enum class Between {
    nothing,   // no code of the program's
    anything,  // finders and loaders were called, or called others
};

class CodeCheck {
  public:
    CodeCheck(Directories& directories, const ImportSystem& import_system, Validation validation) noexcept
        : directories_(directories), import_system_(import_system), validation_(validation) {}

    // Whether the stamped file is there.  To be asked when the module is looked up; objection(), if it follows at once,
    // then uses what was seen.
    [[nodiscard]] bool file_is_there(const image::Entry& entry);

    // Why the archived code must not be used; nullopt if it may.  Throws image::Error, PythonError, std::bad_alloc.
    [[nodiscard]] std::optional<std::string_view> objection(const image::Entry& entry,
                                                            Between between = Between::anything);

  private:
    using Objection = std::optional<std::string_view>;

    [[nodiscard]] std::optional<image::FileStamp> stamp_of(const image::Entry& entry, Between between);
    [[nodiscard]] Objection to_source(const image::Entry& entry, const image::FileStamp& stamp);
    [[nodiscard]] std::optional<std::uint64_t> content(const image::Entry& entry, const image::FileStamp& stamp);
    [[nodiscard]] Objection to_pyc(const image::Entry& entry, const image::FileStamp& source);
    [[nodiscard]] std::string pyc_path(const image::Entry& entry) const;

    // Content of a zip file, which holds many modules.
    struct KnownContent {
        image::FileStamp stamp;
        std::optional<std::uint64_t> content;
    };

    Directories& directories_;
    const ImportSystem& import_system_;
    Validation validation_;
    std::unordered_map<std::string, KnownContent> zips_;

    // The last file looked at, and when.
    const image::EntryRecord* seen_ = nullptr;
    std::optional<image::FileStamp> seen_stamp_;
    std::int64_t seen_ns_ = 0;
};

}  // namespace pycds::serve
