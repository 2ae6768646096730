#include "plan.hpp"

#include "../image/file.hpp"
#include "../image/stamp.hpp"
#include "layout.hpp"

#include <stdexcept>

namespace pycds::capture {

void Plan::add(ModuleToAdd module) {
    if (names_.contains(module.description.name)) {
        throw std::invalid_argument("module " + module.description.name + " was added already");
    }
    ModuleWalk walk(constants_, module.frozenset_orders, static_cast<CodeId>(next_code_));
    CapturedModule captured = walk.capture(module.code);

    // The module is in from here on.
    for (const NodeId id : captured.constants) {
        ++constants_[id].uses;
    }
    next_code_ += static_cast<std::uint32_t>(captured.codes.size());
    if (module.search_entry) {
        module.description.directory = directory(*module.search_entry, image::none_index);
    }
    names_.insert(module.description.name);
    descriptions_.push_back(std::move(module.description));
    modules_.push_back(std::move(captured));
}

void Plan::add_search_path(const std::vector<std::string>& entries) {
    std::uint32_t position = 0;
    for (const std::string& entry : entries) {
        (void)directory(entry, position++);
    }
}

std::uint32_t Plan::directory(const std::string& path, std::uint32_t position) {
    const auto [known, added] = directory_numbers_.emplace(path, static_cast<std::uint32_t>(directories_.size()));
    if (added) {
        const image::DirectoryStamp stamp = image::stable_directory_stamp(path);
        directories_.push_back({path, stamp.kind, stamp.mtime_ns, stamp.size, position});
    } else if (position != image::none_index && directories_[known->second].position == image::none_index) {
        directories_[known->second].position = position;
    }
    return known->second;
}

WriteSummary Plan::write(const std::string& path, const image::IdentityRecord& identity, const std::string& creator) {
    for (const CapturedModule& module : modules_) {
        constants_.mark_shared(module.constants);
    }
    Layout layout(constants_, modules_);
    image::Writer writer(identity, creator);
    for (const image::DirectoryDescription& description : directories_) {
        writer.add_directory(description);
    }
    WriteSummary summary;
    for (std::size_t i = 0; i < modules_.size(); ++i) {
        const image::Segment segment = layout.build_segment(modules_[i]);
        summary.segments_bytes += segment.extent.bytes.size() + segment.code_offsets.size() * sizeof(std::uint32_t);
        writer.add_module(descriptions_[i], segment);
    }
    const image::Blocks strings = layout.take_strings();
    const image::Blocks constants = layout.take_constants();
    for (const image::Blocks* pool : {&strings, &constants}) {
        for (const image::ExtentBuilder::Built& block : *pool) {
            summary.pool_bytes += block.bytes.size();
        }
    }
    writer.set_pools(strings, constants, layout.canonicals(), layout.shared_constants());
    const std::vector<std::byte> file = writer.finish();
    image::replace_file(path, file);

    summary.modules = modules_.size();
    summary.bytes = file.size();
    summary.code_objects = next_code_;
    summary.strings = layout.canonicals();
    summary.shared = layout.shared_constants();
    return summary;
}

}  // namespace pycds::capture
