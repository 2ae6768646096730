#pragma once

#include <string>

namespace pycds::image {

// An archive is code: it is used only if nobody but the user and root could have written it.  The opened file must
// belong to one of the two and must not be writable by group or others; its directory must not be writable by others,
// unless only owners may replace files in it (the sticky bit, as in /tmp).  Judged on the descriptor, so that nothing
// can be exchanged between the check and the use.  Throws Error(untrusted).
void check_trust(int descriptor, const std::string& path);

}  // namespace pycds::image
