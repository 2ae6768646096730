#pragma once

// A tiny archive with one of everything, made without Python: its objects have a reference count, a type and slots, and
// that is all that src/image knows of objects.

#include "image/format.hpp"
#include "image/reference.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pycds::image::test {

using Bytes = std::vector<std::byte>;

// A package `shop` and its module `shop.till`.
[[nodiscard]] Bytes specimen();

// Modules of these names, each with one code object and nothing shared.
[[nodiscard]] Bytes archive_of(const std::vector<std::string>& names);

// Puts every checksum right, from the inside out, as far as the bounds in the file make sense: what is then found is
// found for what it says, not for being damaged.
void reseal(Bytes& file);

template <typename Value>
[[nodiscard]] Value get(const Bytes& file, std::size_t offset) {
    Value value;
    std::memcpy(&value, file.data() + offset, sizeof(value));
    return value;
}

template <typename Value>
void put(Bytes& file, std::size_t offset, const Value& value) {
    std::memcpy(file.data() + offset, &value, sizeof(value));
}

[[nodiscard]] inline SectionRecord section_of(const Bytes& file, Section which) {
    return get<Header>(file, 0).sections[static_cast<std::size_t>(which)];
}

// What verify() finds in a file after reseal(), a line each, or why it cannot be opened.
[[nodiscard]] std::string problems_of(Bytes file);

// Changes the record of an entry.
void change_entry(Bytes& file, std::size_t number, const std::function<void(EntryRecord&)>& change);

// Where the record of the entry with that number begins in the file.
[[nodiscard]] std::size_t entry_offset(const Bytes& file, std::size_t number);

// An archive in memory, and the path that opens it.
class MemoryFile {
  public:
    explicit MemoryFile(const Bytes& bytes);
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile();

    [[nodiscard]] std::string path() const;

  private:
    int descriptor_;
};

}  // namespace pycds::image::test
