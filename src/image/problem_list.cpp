#include "problem_list.hpp"

#include "hexadecimal.hpp"

#include <algorithm>

namespace pycds::image {

void ProblemList::add_with(const std::string& where, std::string_view what,
                           std::initializer_list<std::uint64_t> numbers) {
    if (lines_.size() >= most_lines) {
        ++omitted_;
        return;
    }
    std::string line = where + ": ";
    for (const std::uint64_t number : numbers) {
        const std::size_t place = what.find('{');
        const std::size_t end = what.find('}', place);
        line += what.substr(0, place);
        line += end - place == 1 ? std::to_string(number) : hexadecimal(number);
        what.remove_prefix(end + 1);
    }
    line += what;
    // Names come from the file; a problem must stay one line whatever they hold.
    std::replace_if(line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
    lines_.push_back(std::move(line));
}

std::vector<std::string> ProblemList::take() {
    if (omitted_ != 0) {
        lines_.push_back("and " + std::to_string(omitted_) + " more problems");
    }
    return std::move(lines_);
}

}  // namespace pycds::image
