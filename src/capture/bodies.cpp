#include "bodies.hpp"

#include "../image/format.hpp"

#include <unordered_map>

namespace pycds::capture {

namespace {

class BodySearch {
  public:
    BodySearch(const CapturedModule& module, const ConstantTable& constants) : module_(module), constants_(constants) {
        bodies_.codes.resize(module.codes.size());
        code_uses_.resize(module.codes.size());
        for (const CapturedCode& code : module.codes) {
            count(code.targets);
        }
        for (const NodeId id : module.constants) {
            count(constants[id].targets);
        }
    }

    [[nodiscard]] Bodies search() {
        if (!module_.codes.empty() && code_uses_.front() == 0) {
            add_code(0, 1);
        }
        return std::move(bodies_);
    }

  private:
    void count(const std::vector<SlotTarget>& targets) {
        for (const SlotTarget& item : targets) {
            if (item.target.kind() == Target::Kind::code) {
                ++code_uses_[position_of(item.target)];
            } else if (item.target.kind() == Target::Kind::constant) {
                ++constant_uses_[static_cast<std::uint32_t>(item.target.node())];
            }
        }
    }

    void add_code(std::size_t position, unsigned nesting) {
        bodies_.codes[position] = true;
        for (const SlotTarget& item : module_.codes[position].targets) {
            if (item.target.kind() == Target::Kind::constant && is_own(item.target.node())) {
                add_constant(item.target.node(), nesting);
            }
        }
    }

    void add_constant(NodeId id, unsigned nesting) {
        bodies_.constants.insert(static_cast<std::uint32_t>(id));
        for (const SlotTarget& item : constants_[id].targets) {
            if (item.target.kind() == Target::Kind::code && nesting < image::most_nested_bodies) {
                const std::size_t position = position_of(item.target);
                if (code_uses_[position] == 1 && !module_.codes[position].is_function) {
                    add_code(position, nesting + 1);
                }
            }
        }
    }

    [[nodiscard]] bool is_own(NodeId id) const {
        const Constant& constant = constants_[id];
        return constant.kind == ConstantKind::ordinary && !constant.shared &&
               (constant.object.type == image::RuntimeType::tuple ||
                constant.object.type == image::RuntimeType::bytes) &&
               constant_uses_.at(static_cast<std::uint32_t>(id)) == 1;
    }

    [[nodiscard]] std::size_t position_of(const Target& target) const noexcept {
        return static_cast<std::uint32_t>(target.code()) - static_cast<std::uint32_t>(module_.first_code);
    }

    const CapturedModule& module_;
    const ConstantTable& constants_;
    Bodies bodies_;
    std::vector<std::uint32_t> code_uses_;
    std::unordered_map<std::uint32_t, std::uint32_t> constant_uses_;
};

}  // namespace

Bodies bodies_of(const CapturedModule& module, const ConstantTable& constants) {
    return BodySearch(module, constants).search();
}

}  // namespace pycds::capture
