#include "inspect.hpp"

#include "checksum.hpp"
#include "slots.hpp"

#include <algorithm>

namespace pycds::image {

namespace {

// Containers have the collector's two words before them.
std::uint64_t space_before(RuntimeType type) noexcept {
    return type == RuntimeType::tuple || type == RuntimeType::slice ? 16 : 0;
}

std::vector<std::byte> verified(Reader& reader, Section which) {
    std::vector<std::byte> bytes = reader.copy_section(which);
    if (checksum(bytes) != reader.section(which).checksum) {
        reader.damaged(("checksum of the section " + std::string(to_string(which))).c_str());
    }
    return bytes;
}

// The graph of what is shared: which constants and frozensets each of them refers to.
class SharedGraph {
  public:
    explicit SharedGraph(Reader& reader)
        : reader_(reader), shared_{verified(reader, Section::strings), verified(reader, Section::constants), {}},
          numbers_(shared_.constants.size() / object_alignment, none_index),
          frozenset_seen_by_(reader.header().canonicals, none_index) {
        for (std::uint32_t i = reader.header().string_blocks; i < reader.blocks().size(); ++i) {
            add_block(reader.blocks()[i]);
        }
        first_edge_.push_back(edges_.size());
        seen_by_.assign(shared_.objects.size(), none_index);
    }

    // Counts one more use of each constant that the module's references lead to.
    void count(std::uint32_t module, Reference reference) {
        follow(module, reference);
        while (!pending_.empty()) {
            const Reference next = pending_.back();
            pending_.pop_back();
            if (next.kind() == ReferenceKind::constant) {
                const std::uint32_t number = numbers_[next.offset() / object_alignment];
                for (std::size_t i = first_edge_[number]; i < first_edge_[number + 1]; ++i) {
                    follow(module, edges_[i]);
                }
            } else {
                follow_items(module, next.canonical_offset());
            }
        }
    }

    [[nodiscard]] SharedConstants take() noexcept { return std::move(shared_); }

  private:
    void add_block(const BlockRecord& block) {
        const std::span<const std::byte> section(shared_.constants);
        const std::uint64_t size = std::uint64_t{block.objects_size} + std::uint64_t{block.bitmap_words} * 8;
        if (block.offset % object_alignment != 0 || block.offset > section.size() ||
            size > section.size() - block.offset) {
            reader_.damaged("bounds of a block");
        }
        const auto objects = section.subspan(block.offset, block.objects_size);
        const auto bitmap = section.subspan(block.offset + block.objects_size, std::size_t{block.bitmap_words} * 8);
        const std::size_t first = shared_.objects.size();
        for_each_slot(objects, bitmap, [&](std::size_t slot, Reference reference) {
            if (const auto type = type_at_slot(slot, reference)) {
                add_object(block.offset + slot - object_type_slot, *type);
            } else if (!shared_.objects.empty()) {
                edges_.push_back(reference);
            }
        });
        set_sizes(first, block.offset + block.objects_size);
    }

    void add_object(std::uint64_t offset, RuntimeType type) {
        numbers_[offset / object_alignment] = static_cast<std::uint32_t>(shared_.objects.size());
        first_edge_.push_back(edges_.size());
        shared_.objects.push_back({offset, 0, type, 0});
    }

    // An object reaches to where the next one's space begins.
    void set_sizes(std::size_t first, std::uint64_t end) noexcept {
        for (std::size_t i = shared_.objects.size(); i > first; --i) {
            SharedConstant& object = shared_.objects[i - 1];
            const std::uint64_t begin = object.offset - std::min(object.offset, space_before(object.type));
            object.size = end - begin;
            end = begin;
        }
    }

    void follow(std::uint32_t module, Reference reference) {
        if (reference.kind() == ReferenceKind::constant) {
            const std::uint64_t place = reference.offset() / object_alignment;
            if (reference.offset() % object_alignment != 0 || place >= numbers_.size() ||
                numbers_[place] == none_index) {
                reader_.damaged("a reference to a shared constant");
            }
            const std::uint32_t number = numbers_[place];
            if (seen_by_[number] != module) {
                seen_by_[number] = module;
                ++shared_.objects[number].uses;
                pending_.push_back(reference);
            }
        } else if (reference.kind() == ReferenceKind::frozenset) {
            if (reference.number() >= frozenset_seen_by_.size()) {
                reader_.damaged("the number of a frozenset");
            }
            if (frozenset_seen_by_[reference.number()] != module) {
                frozenset_seen_by_[reference.number()] = module;
                pending_.push_back(reference);
            }
        }
    }

    void follow_items(std::uint32_t module, std::uint64_t offset) {
        const std::span<const std::byte> strings(shared_.strings);
        if (offset > strings.size() || sizeof(FrozensetRecord) > strings.size() - offset) {
            reader_.damaged("the place of a frozenset");
        }
        const auto record = load<FrozensetRecord>(strings, offset);
        const std::uint64_t items = offset + sizeof(record);
        if (record.count > (strings.size() - items) / sizeof(Reference)) {
            reader_.damaged("the size of a frozenset");
        }
        for (std::uint64_t i = 0; i < record.count; ++i) {
            follow(module, Reference(load<std::uint64_t>(strings, items + i * sizeof(Reference))));
        }
    }

    Reader& reader_;
    SharedConstants shared_;
    std::vector<std::uint32_t> numbers_;  // by offset / 16: of the object that begins there
    std::vector<Reference> edges_;
    std::vector<std::size_t> first_edge_;  // by number of the object, and one more
    std::vector<std::uint32_t> seen_by_;   // the last module that was counted
    std::vector<std::uint32_t> frozenset_seen_by_;
    std::vector<Reference> pending_;
};

}  // namespace

SharedConstants shared_constants(Reader& reader) {
    SharedGraph graph(reader);
    const SectionRecord& bounds = reader.section(Section::segments);
    const std::vector<std::byte> segments = verified(reader, Section::segments);
    for (const Entry& entry : reader.all_entries()) {
        const EntryRecord& record = entry.record();
        const auto segment = std::span(segments).subspan(record.segment_offset - bounds.offset);
        const auto objects = segment.first(record.objects_size);
        const auto bitmap = segment.subspan(record.objects_size, std::size_t{record.bitmap_words} * 8);
        for_each_slot(objects, bitmap,
                      [&](std::size_t, Reference reference) { graph.count(record.ordinal, reference); });
    }
    return graph.take();
}

}  // namespace pycds::image
