#include "layout.hpp"

#include <stdexcept>

namespace pycds::capture {

namespace {

using image::Reference;

bool in_pool(const Constant& constant) noexcept { return constant.is_canonical() || constant.shared; }

void set_type(image::ExtentBuilder& builder, std::size_t offset, const cpython::ObjectImage& object) {
    builder.set_reference(offset + cpython::type_slot, Reference::to_type(object.type));
}

}  // namespace

PoolBuilder::Place PoolBuilder::append(const cpython::ObjectImage& object) {
    if (builders_.empty() ||
        builders_.back().objects_size() + object.prefix + object.bytes.size() > image::block_target_size) {
        builders_.emplace_back();
    }
    const std::size_t offset = builders_.back().append(object.bytes, object.prefix);
    return {builders_.size() - 1, offset};
}

void PoolBuilder::settle() {
    std::vector<std::size_t> sizes;
    for (const image::ExtentBuilder& builder : builders_) {
        sizes.push_back(builder.built_size());
    }
    starts_ = image::block_starts(sizes);
}

image::Blocks PoolBuilder::finish() {
    image::Blocks blocks;
    for (image::ExtentBuilder& builder : builders_) {
        blocks.push_back(builder.finish());
    }
    return blocks;
}

Layout::Layout(const ConstantTable& constants, const std::vector<CapturedModule>& modules)
    : constants_(constants), placements_(constants.size()) {
    for (const CapturedModule& module : modules) {
        for (const NodeId id : module.constants) {
            place(id);
        }
    }
    strings_.settle();
    shared_.settle();
    // From here on every offset is final: references can be written.
    for (const CapturedModule& module : modules) {
        for (const NodeId id : module.constants) {
            fill(id);
        }
    }
}

void Layout::place(NodeId id) {
    const Constant& constant = constants_[id];
    Placement& placement = placements_[static_cast<std::size_t>(id)];
    if (placement.placed || !in_pool(constant)) {
        return;
    }
    placement.placed = true;
    if (constant.is_canonical()) {
        if (canonicals_ >= image::max_canonicals) {
            throw std::length_error("too many distinct strings for one archive");
        }
        placement.number = canonicals_++;
        placement.place = strings_.append(constant.object);
    } else {
        ++shared_count_;
        placement.place = shared_.append(constant.object);
    }
}

void Layout::fill(NodeId id) {
    const Constant& constant = constants_[id];
    Placement& placement = placements_[static_cast<std::size_t>(id)];
    if (!placement.placed || placement.filled) {
        return;
    }
    placement.filled = true;
    PoolBuilder& pool = constant.is_canonical() ? strings_ : shared_;
    image::ExtentBuilder& block = pool.block(placement.place);
    const std::size_t offset = placement.place.offset;
    if (constant.kind != ConstantKind::frozenset) {
        set_type(block, offset, constant.object);
    }
    for (const SlotTarget& item : constant.targets) {
        const Reference reference =
            item.target.kind() == Target::Kind::runtime ? item.target.runtime() : pool_reference(item.target.node());
        if (constant.kind == ConstantKind::frozenset) {
            block.set_word(offset + item.slot, reference.bits());
        } else {
            block.set_reference(offset + item.slot, reference);
        }
    }
}

Reference Layout::pool_reference(NodeId id) const {
    const Constant& constant = constants_[id];
    const Placement& placement = placements_[static_cast<std::size_t>(id)];
    if (!placement.placed) {
        throw std::logic_error("a shared constant refers to one that is not shared");
    }
    switch (constant.kind) {
    case ConstantKind::interned_string:
        return Reference::to_string(placement.number, strings_.section_offset(placement.place));
    case ConstantKind::frozenset:
        return Reference::to_frozenset(placement.number, strings_.section_offset(placement.place));
    case ConstantKind::ordinary:
        break;
    }
    return Reference::to_constant(shared_.section_offset(placement.place));
}

SegmentBuilder::SegmentBuilder(const Layout& layout, const ConstantTable& constants, const CapturedModule& module)
    : layout_(layout), constants_(constants), module_(module), bodies_(bodies_of(module, constants)),
      code_places_(module.codes.size()) {}

// What lasts, or what is needed once: first the code objects, then the constants of this module alone.
void SegmentBuilder::place(bool needed_once) {
    for (std::size_t i = 0; i < module_.codes.size(); ++i) {
        if (bodies_.codes[i] == needed_once) {
            const cpython::ObjectImage& object = module_.codes[i].object;
            code_places_[i] = builder_.append(object.bytes, object.prefix);
            segment_.code_offsets.push_back(static_cast<std::uint32_t>(code_places_[i]));
        }
    }
    for (const NodeId id : module_.constants) {
        if (!in_pool(constants_[id]) && bodies_.hold(id) == needed_once) {
            const cpython::ObjectImage& object = constants_[id].object;
            places_.emplace(static_cast<std::uint32_t>(id), builder_.append(object.bytes, object.prefix));
        }
    }
}

Reference SegmentBuilder::reference_to(const Target& target) const {
    switch (target.kind()) {
    case Target::Kind::runtime:
        return target.runtime();
    case Target::Kind::code:
        return Reference::to_segment(
            code_places_[static_cast<std::uint32_t>(target.code()) - static_cast<std::uint32_t>(module_.first_code)]);
    case Target::Kind::constant:
        break;
    }
    const auto found = places_.find(static_cast<std::uint32_t>(target.node()));
    return found != places_.end() ? Reference::to_segment(found->second) : layout_.pool_reference(target.node());
}

void SegmentBuilder::fill(std::size_t offset, const cpython::ObjectImage& object,
                          const std::vector<SlotTarget>& targets) {
    set_type(builder_, offset, object);
    for (const SlotTarget& item : targets) {
        builder_.set_reference(offset + item.slot, reference_to(item.target));
    }
}

image::Segment SegmentBuilder::build() {
    place(false);
    const std::size_t bodies = builder_.next_offset();
    place(true);
    for (std::size_t i = 0; i < module_.codes.size(); ++i) {
        fill(code_places_[i], module_.codes[i].object, module_.codes[i].targets);
    }
    for (const auto& [id, offset] : places_) {
        const Constant& constant = constants_[static_cast<NodeId>(id)];
        fill(offset, constant.object, constant.targets);
    }
    if (builder_.objects_size() > 0xFFFFFFF0U) {
        throw std::length_error("a module of more than 4 GiB");
    }
    segment_.root = module_.codes.empty() ? 0 : static_cast<std::uint32_t>(code_places_.front());
    segment_.bodies = static_cast<std::uint32_t>(bodies);
    segment_.extent = builder_.finish();
    return std::move(segment_);
}

image::Segment Layout::build_segment(const CapturedModule& module) const {
    return SegmentBuilder(*this, constants_, module).build();
}

}  // namespace pycds::capture
