#include "annotated_dump.hpp"

#include "image/slots.hpp"

#include <cstdio>
#include <set>
#include <stdexcept>

namespace pycds::image::test {

namespace {

std::string format(const char* pattern, auto... values) {
    char text[160];
    std::snprintf(text, sizeof(text), pattern, values...);
    return text;
}

std::string describe(Reference reference) {
    static const char* const types[] = {"code", "str", "bytes", "int", "float", "complex", "tuple", "slice"};
    static const char* const singletons[] = {"None", "True", "False", "Ellipsis", "()", "b''", "''"};
    switch (reference.kind()) {
    case ReferenceKind::segment:
        return format("-> segment %#llx", static_cast<unsigned long long>(reference.offset()));
    case ReferenceKind::constant:
        return format("-> constant %#llx", static_cast<unsigned long long>(reference.offset()));
    case ReferenceKind::string:
    case ReferenceKind::frozenset:
        return format("-> %s %u at %#llx", reference.kind() == ReferenceKind::string ? "string" : "frozenset",
                      reference.number(), static_cast<unsigned long long>(reference.canonical_offset()));
    case ReferenceKind::runtime:
        break;
    case ReferenceKind::null:
        return "-> nothing";
    }
    const auto value = reference.runtime_value();
    switch (static_cast<RuntimeKind>(reference.runtime_kind())) {
    case RuntimeKind::type:
        return std::string("-> type ") + types[value];
    case RuntimeKind::singleton:
        return std::string("-> ") + singletons[value];
    case RuntimeKind::small_int:
        return format("-> int %d", value);
    case RuntimeKind::character:
        return format("-> character %d", value);
    case RuntimeKind::interned_char:
        return format("-> interned character %d", value);
    case RuntimeKind::byte:
        return format("-> byte %d", value);
    }
    return "-> ?";
}

class Dump {
  public:
    explicit Dump(const Bytes& file) : file_(file), header_(get<Header>(file, 0)) {}

    std::string run() {
        header();
        index();
        entries();
        order();
        directories();
        blocks();
        pool(Section::strings, 0, header_.string_blocks);
        pool(Section::constants, header_.string_blocks, section_of(file_, Section::blocks).items);
        segments();
        title("end");
        if (at_ != file_.size()) {
            throw std::logic_error("the dump does not reach the end of the file");
        }
        return text_;
    }

  private:
    void title(const std::string& what) { text_ += "\n" + format("%06zx ", at_) + what + "\n"; }

    // The next `size` bytes, eight a line, with `what` behind the first.
    void bytes(std::size_t size, const std::string& what) {
        for (std::size_t done = 0; done < size; done += 8) {
            const std::size_t count = std::min<std::size_t>(8, size - done);
            std::string line = format("%06zx ", at_);
            for (std::size_t i = 0; i < count; ++i) {
                line += format(" %02x", static_cast<unsigned>(file_[at_ + i]));
            }
            line.resize(33, ' ');
            line += done == 0 ? what : "";
            text_ += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
            at_ += count;
        }
    }

    template <typename Value>
    Value number(const std::string& what) {
        const auto value = get<Value>(file_, at_);
        const auto wide = static_cast<long long>(value);
        bytes(sizeof(Value),
              what + (wide > -10 && wide < 10 ? format(" = %lld", wide) : format(" = %lld (%#llx)", wide, wide)));
        return value;
    }
    void u8(const std::string& what) { (void)number<std::uint8_t>(what); }
    void u32(const std::string& what) { (void)number<std::uint32_t>(what); }
    void u64(const std::string& what) { (void)number<std::uint64_t>(what); }
    void hash(const std::string& what) { bytes(8, what); }
    void stamp(const std::string& what) {
        (void)number<std::int64_t>(what + ".mtime_ns");
        (void)number<std::int64_t>(what + ".ctime_ns");
        u64(what + ".size");
    }
    void text(std::size_t size, const std::string& what) {
        std::string value(reinterpret_cast<const char*>(file_.data()) + at_, size);
        value = value.substr(0, value.find('\0'));
        for (char& character : value) {
            character = character < ' ' || character > '~' ? '.' : character;
        }
        bytes(size, what + " \"" + value + "\"");
    }
    void text_ref(const std::string& what) {
        u32(what + ".offset");
        u32(what + ".size");
    }
    void gap(std::size_t next) {
        if (at_ < next) {
            bytes(next - at_, "padding");
        }
    }
    void begin(Section which) {
        gap(section_of(file_, which).offset);
        title("section " + std::string(to_string(which)));
    }

    void header() {
        title("header: prefix");
        text(8, "magic");
        u32("format_version");
        u32("header_size");
        u64("file_size");
        hash("header_checksum");
        text(32, "creator");
        title("header: identity");
        u32("version");
        u32("pointer_size");
        u32("optimize");
        u32("flags");
        text(48, "abi");
        text(64, "build");
        title("header: counts");
        u32("modules");
        u32("canonicals");
        u32("string_blocks");
        u32("shared_constants");
        u32("memos");
        u32("options");
        bytes(40, "reserved");
        for (std::size_t i = 0; i < section_count; ++i) {
            title("header: section " + std::string(to_string(static_cast<Section>(i))));
            u64("offset");
            u64("size");
            hash("checksum");
            u32("items");
            u32("reserved");
        }
    }

    void index() {
        begin(Section::index);
        for (std::uint32_t i = 0; i < section_of(file_, Section::index).items; ++i) {
            const auto slot = get<IndexSlot>(file_, at_);
            bytes(sizeof(slot), slot.entry == 0
                                    ? format("slot %u, empty", i)
                                    : format("slot %u: tag %#x, entry at %#x", i, slot.tag, (slot.entry - 1) * 8));
        }
    }

    void entries() {
        begin(Section::entries);
        for (std::uint32_t i = 0; i < header_.modules; ++i) {
            const std::size_t start = at_;
            const auto record = get<EntryRecord>(file_, start);
            title(format("entry %u", i));
            hash("checksum");
            u32("record_size");
            u32("ordinal");
            u64("segment_offset");
            hash("segment_checksum");
            for (const char* field : {"objects_size", "bitmap_words", "code_count", "root"}) {
                u32(field);
            }
            stamp("stamp");
            hash("content");
            stamp("pyc");
            hash("pyc_content");
            for (const char* field : {"loader", "flags", "pyc_kind", "reserved"}) {
                u8(field);
            }
            for (const char* field : {"location_count", "directory", "home", "relocations", "bodies"}) {
                u32(field);
            }
            for (const char* field : {"name", "origin", "cached", "stamp_path"}) {
                text_ref(field);
            }
            for (std::uint32_t location = 0; location < record.location_count; ++location) {
                text_ref(format("location %u", location));
            }
            text(record.name.size, "name");
            text(record.origin.size, "origin");
            text(record.cached.size, "cached");
            text(record.stamp_path.size, "stamp_path");
            for (std::uint32_t location = 0; location < record.location_count; ++location) {
                text(get<TextRef>(file_, start + sizeof(record) + location * sizeof(TextRef)).size,
                     format("location %u", location));
            }
            gap(start + record.record_size);
        }
    }

    void order() {
        begin(Section::order);
        for (std::uint32_t i = 0; i < header_.modules; ++i) {
            u32(format("entry %u", i));
        }
    }

    void directories() {
        begin(Section::directories);
        const std::size_t start = at_;
        const std::uint32_t items = section_of(file_, Section::directories).items;
        for (std::uint32_t i = 0; i < items; ++i) {
            title(format("directory %u", i));
            stamp("stamp");
            hash("listing");
            stamp("pycache");
            for (const char* field : {"kind", "pycache_kind", "position", "flags"}) {
                u32(field);
            }
            text_ref("path");
        }
        for (std::uint32_t i = 0; i < items; ++i) {
            text(get<DirectoryRecord>(file_, start + i * sizeof(DirectoryRecord)).path.size, format("path %u", i));
        }
    }

    void blocks() {
        begin(Section::blocks);
        for (std::uint32_t i = 0; i < section_of(file_, Section::blocks).items; ++i) {
            title(format("block %u, of %s", i, i < header_.string_blocks ? "strings" : "constants"));
            u64("offset");
            hash("checksum");
            u32("objects_size");
            u32("bitmap_words");
        }
    }

    void extent(std::uint32_t objects_size, std::uint32_t bitmap_words) {
        const std::span<const std::byte> all(file_);
        const std::size_t start = at_;
        std::set<std::size_t> slots;
        for_each_slot(all.subspan(start, objects_size),
                      all.subspan(start + objects_size, std::size_t{bitmap_words} * 8),
                      [&](std::size_t offset, Reference) { slots.insert(offset); });
        for (std::size_t offset = 0; offset < objects_size; offset += 8) {
            const auto word = get<std::uint64_t>(file_, at_);
            const std::string where = format("+%03zx  ", offset);
            bytes(8, slots.contains(offset) ? where + describe(Reference(word)) : where.substr(0, where.size() - 2));
        }
        for (std::uint32_t i = 0; i < bitmap_words; ++i) {
            bytes(8, format("bitmap %u", i));
        }
    }

    void pool(Section which, std::uint32_t first, std::uint32_t last) {
        begin(which);
        for (std::uint32_t i = first; i < last; ++i) {
            const auto block =
                get<BlockRecord>(file_, section_of(file_, Section::blocks).offset + i * sizeof(BlockRecord));
            gap(section_of(file_, which).offset + block.offset);
            title(format("block %u", i));
            extent(block.objects_size, block.bitmap_words);
        }
    }

    void segments() {
        begin(Section::segments);
        for (std::uint32_t i = 0; i < header_.modules; ++i) {
            const auto record = get<EntryRecord>(file_, entry_offset(file_, i));
            gap(record.segment_offset);
            title(format("segment of entry %u", i));
            extent(record.objects_size, record.bitmap_words);
            for (std::uint32_t code = 0; code < record.code_count; ++code) {
                u32(format("code object %u", code));
            }
        }
    }

    const Bytes& file_;
    const Header header_;
    std::size_t at_ = 0;
    std::string text_;
};

}  // namespace

std::string annotated_dump(const Bytes& file) { return Dump(file).run(); }

}  // namespace pycds::image::test
