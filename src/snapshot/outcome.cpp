#include "outcome.hpp"

#include "arena.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>
#include <utility>

namespace pycds::snapshot {

Outcome* outcome = nullptr;

bool report(std::initializer_list<std::string_view> message) noexcept {
    if (outcome->message[0] != '\0') {
        return false;
    }
    std::size_t at = 0;
    const auto add = [&](std::string_view part) {
        const std::size_t size = std::min(part.size(), sizeof outcome->message - 1 - at);
        std::memcpy(outcome->message + at, part.data(), size);
        at += size;
    };
    add("no snapshot can be made: ");
    for (const std::string_view part : message) {
        add(part);
    }
    return false;
}

void refuse(std::initializer_list<std::string_view> message) noexcept {
    report(message);
    ::_exit(0);
}

void refuse_with_error(std::string_view what) noexcept { refuse({what, ": ", std::strerror(errno)}); }

void* Arena::take(std::size_t size) noexcept {
    constexpr std::size_t alignment = 16;
    size = (size + alignment - 1) / alignment * alignment;
    if (size > static_cast<std::size_t>(end_ - at_)) {
        refuse({"the process has more mappings and files than can be written down", earlier});
    }
    return std::exchange(at_, at_ + size);
}

}  // namespace pycds::snapshot
