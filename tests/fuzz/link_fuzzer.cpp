// The linker (src/serve/linker.cpp): bitmaps, slots, references into segments and pools, frozensets, code offsets.
//
// Checksums are put right by the mutator, so what arrives here is what no damage but only forgery could make.  The
// objects themselves are then beyond any check (docs/security.md), but no offset, count or index may lead out of its
// extent.

#include "../cpp/specimen.hpp"
#include "image/error.hpp"
#include "image/reader.hpp"
#include "no_interpreter.hpp"
#include "serve/linker.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace {

using namespace pycds;

void link_all(image::Reader& reader) {
    auto linker = std::make_unique<serve::Linker>(reader);
    for (const image::Entry& entry : reader.all_entries()) {
        try {
            (void)linker->link(entry.record());
        } catch (const image::Error&) {
            linker = std::make_unique<serve::Linker>(reader);  // after a failure a linker does nothing more
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const image::test::MemoryFile file({bytes.begin(), bytes.end()});
    try {
        image::Reader reader(file.path());
        link_all(reader);
    } catch (const image::Error&) {
        // refused, which is all that is asked for
    }
    cpython::fuzz::forget_objects();
    return 0;
}
