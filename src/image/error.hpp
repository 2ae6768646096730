#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace pycds::image {

// Why an archive, or a part of it, cannot be used.  The rule for errors: this layer throws Error; `serve` turns it
// into a counted miss, `bindings` into a Python exception.  Nothing else is thrown but std::bad_alloc.
enum class Reason {
    missing,
    unreadable,
    not_a_file,
    empty,
    truncated,
    foreign,
    format_version,
    interpreter,
    flags,
    damaged,
    unsupported,
    untrusted,
};

// The word that statistics, `pycds stats` and Refusal.reason use for it.
[[nodiscard]] constexpr std::string_view to_string(Reason reason) noexcept {
    switch (reason) {
    case Reason::missing:
        return "missing";
    case Reason::unreadable:
        return "unreadable";
    case Reason::not_a_file:
        return "not-a-file";
    case Reason::empty:
        return "empty";
    case Reason::truncated:
        return "truncated";
    case Reason::foreign:
        return "foreign";
    case Reason::format_version:
        return "format-version";
    case Reason::interpreter:
        return "interpreter";
    case Reason::flags:
        return "flags";
    case Reason::damaged:
        return "damaged";
    case Reason::unsupported:
        return "unsupported";
    case Reason::untrusted:
        return "untrusted";
    }
    return "unknown";
}

class Error : public std::runtime_error {
  public:
    Error(Reason reason, const std::string& message) : std::runtime_error(message), reason_(reason) {}

    [[nodiscard]] Reason reason() const noexcept { return reason_; }

  private:
    Reason reason_;
};

}  // namespace pycds::image
