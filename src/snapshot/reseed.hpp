#pragma once

namespace pycds::snapshot {

// Gives every copy of OpenSSL in this process fresh random bytes.  It notices a fork by the process's number alone,
// and two restored processes may have the same: each the first one of its container.  Why that cannot be done; else "".
[[nodiscard]] const char* reseed_libraries() noexcept;

}  // namespace pycds::snapshot
