#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pycds::serve {

// What happened to the modules that were looked up, for `pycds stats` and for refreshing an archive.
class Statistics {
  public:
    std::vector<std::string> served;
    std::map<std::string, std::uint64_t, std::less<>> misses;  // reason → count
    std::vector<std::pair<std::string, std::string>> missed;   // module, reason; the first `most_names`
    std::vector<std::string> unarchived;                       // looked up, not in the archive; likewise
    std::uint64_t attach_ns = 0;
    std::uint64_t resolved = 0;  // of the entries without code, found (or not) without a search
    std::uint64_t direct = 0;    // of those served, run by ImportPath

    // A program may look modules up for as long as it runs (an optional import in a function): counts go on, lists
    // of names end here.
    static constexpr std::size_t most_names = 10'000;

    void miss(std::string_view module, std::string_view reason) {
        const auto place = misses.find(reason);
        if (place == misses.end()) {
            misses.emplace(reason, 1);
        } else {
            ++place->second;
        }
        if (missed.size() < most_names) {
            missed.emplace_back(module, reason);
        }
    }

    void not_archived(std::string_view module) {
        if (unarchived.size() < most_names && seen_.emplace(module).second) {
            unarchived.emplace_back(module);
        }
    }

  private:
    std::unordered_set<std::string> seen_;  // names in `unarchived`
};

}  // namespace pycds::serve
