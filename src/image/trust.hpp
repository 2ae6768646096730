#pragma once

#include <optional>
#include <string>
#include <sys/stat.h>

namespace pycds::image {

// An archive is code: it is used only if nobody but the user and root could have written it.  The opened file and the
// directory it was opened in must belong to one of the two, and neither may be writable by group or others; the sticky
// bit does not help.  Both are judged by what their descriptors say, so that nothing can be exchanged between the check
// and the use.  `directory` is nullopt where the file was not opened by way of one.  Throws Error(untrusted).
void check_trust(const struct stat& file, const std::optional<struct stat>& directory, const std::string& path);

}  // namespace pycds::image
