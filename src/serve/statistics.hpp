#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pycds::serve {

// What happened to the modules that were looked up, for `pycds stats` and for refreshing an archive.
struct Statistics {
    std::vector<std::string> served;
    std::map<std::string, std::uint64_t, std::less<>> misses;  // reason → count
    std::vector<std::pair<std::string, std::string>> missed;   // module, reason
    std::vector<std::string> unarchived;                       // looked up, not in the archive
    std::uint64_t attach_ns = 0;

    void miss(std::string_view module, std::string_view reason) {
        const auto place = misses.find(reason);
        if (place == misses.end()) {
            misses.emplace(reason, 1);
        } else {
            ++place->second;
        }
        missed.emplace_back(module, reason);
    }
};

}  // namespace pycds::serve
