#include "exercise_reader.hpp"

#include "../cpp/specimen.hpp"
#include "image/inspect.hpp"
#include "image/reader.hpp"
#include "image/slots.hpp"
#include "image/verify.hpp"

#include <memory>
#include <stdexcept>
#include <string>

namespace pycds::image::fuzz {

namespace {

// A step that may refuse; whether it did.
template <typename Step>
bool refused(Step&& step) {
    try {
        step();
        return false;
    } catch (const Error&) {
        return true;
    }
}

// So that a sanitizer sees every byte that a caller may look at.
std::uint64_t touch(std::span<const std::byte> bytes) {
    std::uint64_t sum = 0;
    for (const std::byte byte : bytes) {
        sum = sum * 31 + static_cast<std::uint64_t>(byte);
    }
    return sum;
}

std::uint64_t touch(std::string_view text) { return touch(std::as_bytes(std::span(text))); }

std::uint64_t touch(const Extent& extent) {
    std::uint64_t sum = touch(extent.objects) + touch(std::as_bytes(extent.code_offsets));
    for_each_slot(extent.objects, std::as_bytes(extent.bitmap),
                  [&](std::size_t offset, Reference reference) { sum += offset ^ reference.bits(); });
    return sum;
}

std::uint64_t touch(const Entry& entry) {
    std::uint64_t sum = touch(entry.name()) + touch(entry.origin()) + touch(entry.stamp_path());
    sum += entry.cached() ? touch(*entry.cached()) : 0;
    for (const TextRef location : entry.location_refs()) {
        sum += touch(entry.text(location));
    }
    return sum;
}

// True if each step did what it is for.
bool use(Reader& reader) {
    std::uint64_t sum = 0;
    bool complete = !refused([&] {
        for (const DirectoryRecord& directory : reader.directories()) {
            sum += touch(reader.directory_path(directory));
        }
    });
    complete &= !refused([&] {
        for (std::uint32_t i = 0; i < reader.blocks().size(); ++i) {
            const Section pool = i < reader.header().string_blocks ? Section::strings : Section::constants;
            sum += touch(reader.load_block(pool, reader.blocks()[i]));
        }
    });
    complete &= !refused([&] {
        for (const Entry& entry : reader.all_entries()) {
            sum += touch(entry);
            const auto found = reader.find(entry.name());
            complete &= found.has_value() && found->name() == entry.name();
            complete &= !refused([&] { sum += touch(reader.load_segment(entry.record())); });
        }
    });
    complete &= !refused([&] {
        for (const SharedConstant& constant : shared_constants(reader).objects) {
            sum += constant.offset ^ constant.size ^ constant.uses;
        }
    });
    for (const char* name : {"shop", "shop.till", "shop.missing", ""}) {
        complete &= !refused([&] { (void)reader.find(name); });
    }
    volatile std::uint64_t seen = sum;
    (void)seen;
    return complete;
}

}  // namespace

Depth exercise_reader(std::span<const std::byte> bytes) {
    const test::MemoryFile file({bytes.begin(), bytes.end()});
    std::unique_ptr<Reader> reader;
    if (refused([&] { reader = std::make_unique<Reader>(file.path()); })) {
        return Depth::refused;
    }
    const bool in_order = verify(*reader).empty();
    const bool complete = use(*reader);
    if (in_order && !complete) {
        throw std::logic_error("verify found nothing in a file that cannot be read");
    }
    return in_order ? Depth::in_order : Depth::opened;
}

}  // namespace pycds::image::fuzz
