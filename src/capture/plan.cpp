#include "plan.hpp"

#include "../cpython/pyc.hpp"
#include "../image/checksum.hpp"
#include "../image/content.hpp"
#include "../image/replace.hpp"
#include "../image/stamp.hpp"
#include "layout.hpp"

#include <span>
#include <stdexcept>

namespace pycds::capture {

namespace {

// What a plain import would have read, and whether that is what the loader came to.
void describe_pyc(ModuleToAdd& module) {
    image::ModuleDescription& description = module.description;
    const auto pyc = module.pyc_path ? cpython::read_pyc(*module.pyc_path) : std::nullopt;
    const bool usable = pyc && pyc->kind != image::PycKind::none &&
                        (pyc->kind != image::PycKind::timestamp || cpython::fits(*pyc, description.stamp));
    if (usable) {
        const bool is_timestamp = pyc->kind == image::PycKind::timestamp;
        const auto compiled = module.marshalled
                                  ? std::optional(image::checksum(std::as_bytes(std::span(*module.marshalled))))
                                  : std::nullopt;
        if (!is_timestamp && compiled && *compiled != pyc->content) {
            throw Unarchivable("its hash-based .pyc does not fit its source");
        }
        description.pyc_kind = pyc->kind;
        description.pyc_content = pyc->content;
        description.source_checked = !is_timestamp && cpython::checks_source(pyc->kind);
    } else if (module.marshalled) {
        description.pyc_content = image::checksum(std::as_bytes(std::span(*module.marshalled)));
    } else {
        throw Unarchivable("its .pyc changed while it was read");
    }
    if (pyc) {
        description.pyc = pyc->stamp;
    }
    if (module.pyc_elsewhere) {
        description.pyc_kind = image::PycKind::elsewhere;
        description.pyc = {};
    }
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

bool lies_in_a_directory(image::LoaderKind loader) noexcept {
    return loader == image::LoaderKind::source || loader == image::LoaderKind::sourceless ||
           loader == image::LoaderKind::extension;
}

bool is_contested(const Surroundings& surroundings, const image::ModuleDescription& description) {
    switch (description.loader) {
    case image::LoaderKind::memo:
    case image::LoaderKind::script:
        return false;  // nobody looks them up
    case image::LoaderKind::namespace_package:
    case image::LoaderKind::absent:
        return surroundings.is_contested_place(description);
    default:
        return surroundings.is_contested(description);
    }
}

}  // namespace

std::optional<std::uint64_t> Plan::content_of_zip(const std::string& path) {
    const auto [place, added] = zips_.try_emplace(path);
    if (added) {
        place->second = image::content_of(path);
    }
    return place->second;
}

// The stamp was taken before the code was read; the same one behind it proves that this is the source of that code.
void Plan::describe_source(image::ModuleDescription& description) {
    const bool is_zip = description.loader == image::LoaderKind::zip;
    const auto content = is_zip ? content_of_zip(description.stamp_path) : image::content_of(description.stamp_path);
    if (!content || image::file_stamp(description.stamp_path.c_str()) != description.stamp) {
        throw Unarchivable("its file changed while it was read");
    }
    description.content = *content;
}

void Plan::add(ModuleToAdd module) {
    image::ModuleDescription& description = module.description;
    if (memos_ != 0) {
        throw std::invalid_argument("module " + description.name + " comes after a memo entry");
    }
    if (names_.contains(description.name)) {
        throw std::invalid_argument("module " + description.name + " was added already");
    }
    describe_source(description);
    if (description.loader == image::LoaderKind::source) {
        describe_pyc(module);
    }
    ModuleWalk walk(constants_, module.frozenset_orders, static_cast<CodeId>(next_code_));
    take(module, walk.capture(module.code));
}

void Plan::add_place(ModuleToAdd module) {
    const image::ModuleDescription& description = module.description;
    if (memos_ != 0 || names_.contains(description.name)) {
        throw std::invalid_argument("the place of " + description.name + " was added already, or too late");
    }
    if (description.loader == image::LoaderKind::namespace_package && description.locations) {
        for (const std::string& portion : *description.locations) {
            (void)surroundings_.number_of(portion);  // what is in it decides whether it stays one
        }
    }
    take(module, CapturedModule{static_cast<CodeId>(next_code_), {}, {}});
}

void Plan::add_memo(const std::string& name, PyObject* code) {
    if (names_.contains(name)) {
        throw std::invalid_argument("memo entry " + name + " was added already");
    }
    ModuleToAdd entry;
    entry.description.name = name;
    entry.description.loader = image::LoaderKind::memo;
    const cpython::Ref orders = cpython::Ref::steal(PyDict_New());
    ModuleWalk walk(constants_, orders.get(), static_cast<CodeId>(next_code_));
    take(entry, walk.capture(code));
    ++memos_;
}

// The module is in from here on.
void Plan::take(ModuleToAdd& module, CapturedModule captured) {
    image::ModuleDescription& description = module.description;
    for (const NodeId id : captured.constants) {
        ++constants_[id].uses;
    }
    next_code_ += static_cast<std::uint32_t>(captured.codes.size());
    if (module.search_entry) {
        description.directory = surroundings_.number_of(*module.search_entry);
    }
    if (lies_in_a_directory(description.loader)) {
        description.home = surroundings_.number_of(directory_of(description.origin));
    }
    names_.insert(description.name);
    descriptions_.push_back(std::move(description));
    modules_.push_back(std::move(captured));
}

WriteSummary Plan::write(const std::string& path, const image::IdentityRecord& identity, const std::string& creator,
                         std::uint32_t options) {
    for (const CapturedModule& module : modules_) {
        constants_.mark_shared(module.constants);
    }
    Layout layout(constants_, modules_);
    image::Writer writer(identity, creator);
    writer.set_options(options);
    surroundings_.settle();
    for (const image::DirectoryDescription& description : surroundings_.directories()) {
        writer.add_directory(description);
    }
    WriteSummary summary;
    for (std::size_t i = 0; i < modules_.size(); ++i) {
        const image::Segment segment = layout.build_segment(modules_[i]);
        summary.segments_bytes += segment.extent.bytes.size() + segment.code_offsets.size() * sizeof(std::uint32_t);
        descriptions_[i].contested = is_contested(surroundings_, descriptions_[i]);
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

    summary.modules = modules_.size() - memos_;
    summary.memos = memos_;
    summary.bytes = file.size();
    summary.code_objects = next_code_;
    summary.strings = layout.canonicals();
    summary.shared = layout.shared_constants();
    return summary;
}

}  // namespace pycds::capture
