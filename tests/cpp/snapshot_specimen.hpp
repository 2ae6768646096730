#pragma once

// A tiny snapshot with one mapping of each kind, made without a process: it can be checked, not restored.

#include "snapshot/view.hpp"

#include <cstddef>
#include <cstring>
#include <functional>
#include <vector>

namespace pycds::snapshot::test {

using Bytes = std::vector<std::byte>;

[[nodiscard]] Bytes specimen();

// Puts every checksum right, as far as the bounds in the file make sense.
void reseal(Bytes& file);

// What the checks say of a file, as a restorer would: header, tables, payload.
[[nodiscard]] Fault fault_of(const Bytes& file);

template <typename Record>
[[nodiscard]] Record record_of(const Bytes& file, Table table, std::size_t number) {
    Header header;
    std::memcpy(&header, file.data(), sizeof header);
    Record record;
    const std::size_t begin = header.tables[static_cast<std::size_t>(table)].offset;
    std::memcpy(&record, file.data() + begin + number * sizeof record, sizeof record);
    return record;
}

// What is said of the specimen with one record changed, everything else in order.
template <typename Record>
[[nodiscard]] Fault fault_with(Table table, std::size_t number, const std::function<void(Record&)>& change) {
    Bytes file = specimen();
    Header header;
    std::memcpy(&header, file.data(), sizeof header);
    auto record = record_of<Record>(file, table, number);
    change(record);
    const std::size_t begin = header.tables[static_cast<std::size_t>(table)].offset;
    std::memcpy(file.data() + begin + number * sizeof record, &record, sizeof record);
    reseal(file);
    return fault_of(file);
}

[[nodiscard]] Fault fault_with_header(const std::function<void(Header&)>& change);

}  // namespace pycds::snapshot::test
