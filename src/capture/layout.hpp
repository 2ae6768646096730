#pragma once

// plan: where each captured object will lie.  Canonical strings and frozensets go to the blocks of `strings`, constants
// that several modules share to the blocks of `constants`, all else to the segment of its module; each in order of
// first use, so that what is needed together is read together.

#include "../image/writer.hpp"
#include "bodies.hpp"
#include "constants.hpp"
#include "walk.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace pycds::capture {

// Objects of one pool section being placed, block by block.
class PoolBuilder {
  public:
    struct Place {
        std::size_t block = 0;
        std::size_t offset = 0;  // within the block
    };

    Place append(const cpython::ObjectImage& object);
    // To be called when all objects are appended: offsets within the section are known from here on.
    void settle();
    [[nodiscard]] std::uint64_t section_offset(Place place) const noexcept {
        return starts_[place.block] + place.offset;
    }
    [[nodiscard]] image::ExtentBuilder& block(Place place) noexcept { return builders_[place.block]; }
    [[nodiscard]] image::Blocks finish();

  private:
    std::vector<image::ExtentBuilder> builders_;
    std::vector<std::uint64_t> starts_;
};

class Layout {
  public:
    // Places everything that the modules share; segments are then built one by one.
    Layout(const ConstantTable& constants, const std::vector<CapturedModule>& modules);

    [[nodiscard]] image::Segment build_segment(const CapturedModule& module) const;
    // To a constant that several modules share, or a canonical one.
    [[nodiscard]] image::Reference pool_reference(NodeId id) const;
    [[nodiscard]] image::Blocks take_strings() { return strings_.finish(); }
    [[nodiscard]] image::Blocks take_constants() { return shared_.finish(); }
    [[nodiscard]] std::uint32_t canonicals() const noexcept { return canonicals_; }
    [[nodiscard]] std::uint32_t shared_constants() const noexcept { return shared_count_; }

  private:
    struct Placement {
        bool placed = false;
        bool filled = false;
        PoolBuilder::Place place;
        std::uint32_t number = 0;  // of a canonical
    };

    void place(NodeId id);
    void fill(NodeId id);

    const ConstantTable& constants_;
    std::vector<Placement> placements_;  // by NodeId
    PoolBuilder strings_;
    PoolBuilder shared_;
    std::uint32_t canonicals_ = 0;
    std::uint32_t shared_count_ = 0;
};

// The segment of one module: what lasts, then what is needed once.
class SegmentBuilder {
  public:
    SegmentBuilder(const Layout& layout, const ConstantTable& constants, const CapturedModule& module);

    // To be called once.
    [[nodiscard]] image::Segment build();

  private:
    void place(bool needed_once);
    void fill(std::size_t offset, const cpython::ObjectImage& object, const std::vector<SlotTarget>& targets);
    [[nodiscard]] image::Reference reference_to(const Target& target) const;

    const Layout& layout_;
    const ConstantTable& constants_;
    const CapturedModule& module_;
    const Bodies bodies_;
    image::ExtentBuilder builder_;
    image::Segment segment_;
    std::vector<std::size_t> code_places_;                   // by position in CapturedModule::codes
    std::unordered_map<std::uint32_t, std::size_t> places_;  // of constants of this module alone
};

}  // namespace pycds::capture
