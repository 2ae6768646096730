#include "constants.hpp"

#include "../image/checksum.hpp"

namespace pycds::capture {

namespace {

std::uint64_t hash_of(const Constant& constant) noexcept {
    std::uint64_t hash = image::checksum(constant.object.bytes);
    for (const SlotTarget& reference : constant.targets) {
        const std::uint64_t value = reference.target.kind() == Target::Kind::runtime
                                        ? reference.target.runtime().bits()
                                        : static_cast<std::uint64_t>(reference.target.node());
        hash = (hash ^ value) * 0x9E3779B97F4A7C15ULL;
    }
    return hash;
}

bool same(const Constant& a, const Constant& b) noexcept {
    return a.kind == b.kind && a.object.type == b.object.type && a.object.bytes == b.object.bytes &&
           a.targets == b.targets;
}

}  // namespace

NodeId ConstantTable::add(Constant constant) {
    const auto id = static_cast<NodeId>(constants_.size());
    const auto [place, added] = by_hash_.try_emplace(hash_of(constant), id);
    constant.next_of_hash = id;
    if (!added) {
        NodeId known = place->second;
        while (!same((*this)[known], constant)) {
            const NodeId next = (*this)[known].next_of_hash;
            if (next == known) {
                (*this)[known].next_of_hash = id;
                constants_.push_back(std::move(constant));
                return id;
            }
            known = next;
        }
        return known;
    }
    constants_.push_back(std::move(constant));
    return id;
}

NodeId ConstantTable::add_distinct(Constant constant) {
    const auto id = static_cast<NodeId>(constants_.size());
    constants_.push_back(std::move(constant));
    return id;
}

NodeId ConstantTable::add_interned(PyObject* string) {
    if (const auto known = interned_.find(string); known != interned_.end()) {
        return known->second;
    }
    const NodeId id = add(Constant{ConstantKind::interned_string, cpython::string_image(string), {}});
    kept_.push_back(cpython::Ref::borrow(string));
    interned_.emplace(string, id);
    return id;
}

void ConstantTable::mark_shared(std::span<const NodeId> used) {
    for (const NodeId id : used) {
        Constant& constant = (*this)[id];
        if (constant.kind == ConstantKind::frozenset) {
            share_with_members(id);
        } else if (constant.kind == ConstantKind::ordinary && constant.uses >= 2) {
            constant.shared = true;
        }
    }
}

// A frozenset is built apart from any module's segment, so its members must not lie in one.
void ConstantTable::share_with_members(NodeId id) {
    if ((*this)[id].kind == ConstantKind::ordinary) {
        (*this)[id].shared = true;
    }
    for (const SlotTarget& reference : (*this)[id].targets) {
        if (reference.target.kind() == Target::Kind::constant) {
            share_with_members(reference.target.node());
        }
    }
}

}  // namespace pycds::capture
