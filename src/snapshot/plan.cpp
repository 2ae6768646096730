#include "plan.hpp"

#include "outcome.hpp"
#include "stamp.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace pycds::snapshot {

namespace {

// Zeros shorter than this between bytes that are kept are kept as well: a page costs less than a mapping.
constexpr std::uint64_t longest_kept_zeros = 32 * page_size;

constexpr std::string_view off_stack =
    "the checkpoint is not on the process's own stack; call pycds.checkpoint() outside of threads and greenlets";

constexpr std::uint64_t most_stack = std::uint64_t{1} << 30;

bool is_zero(std::uint64_t page) noexcept {
    constexpr std::size_t count = page_size / sizeof(std::uint64_t);
    const auto* words = reinterpret_cast<const std::uint64_t*>(page);
    return std::all_of(words, words + count, [](std::uint64_t word) { return word == 0; });
}

// A piece of an area that becomes a mapping of this kind: zero, payload or copy.
struct Piece {
    std::uint64_t begin;
    std::uint64_t end;
    MappingKind kind;
};

// The C library maps large blocks one by one, and lets mremap() make them larger; what is mapped from a snapshot would
// become larger by what follows in the file, or by nothing at all.  Where a block ends that begins with this page;
// else 0.  What only looks like one is copied needlessly, no more.  In malloc/malloc.c the size counted the whole block
// up to glibc 2.42, and leaves out 16 bytes at its end from 2.43 on (mmap_set_chunk), where a bit in front of it says
// whether huge pages were asked for.
std::uint64_t end_of_large_block(const Area& area, std::uint64_t page) noexcept {
    constexpr std::uint64_t writable = protection_read | protection_write;
    constexpr std::uint64_t mapped_by_itself = 2;  // IS_MMAPPED of malloc/malloc.c
    const auto* words = reinterpret_cast<const std::uint64_t*>(page);
    constexpr std::uint64_t left_out = 16;
    const std::uint64_t told = words[1] - mapped_by_itself;
    const std::uint64_t size = told % page_size == 0 ? told : told + left_out;
    const bool is_one = area.protection == writable && area.path != "[heap]" && words[0] <= 1 &&
                        words[1] > mapped_by_itself && size % page_size == 0 && size <= area.end - page;
    return is_one ? page + size : 0;
}

class Planner {
  public:
    Planner(std::uint64_t stack_pointer, Arena& arena) noexcept
        : plan_(arena), stack_pointer_(stack_pointer), pagemap_(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)),
          entries_(arena), pieces_(arena) {}
    Planner(const Planner&) = delete;
    Planner& operator=(const Planner&) = delete;
    ~Planner() { ::close(pagemap_); }  // before anybody looks at what is open

    void add(const Area& area) noexcept {
        find_pieces(area);
        const bool has_own = std::any_of(pieces_.begin(), pieces_.end(),
                                         [](const Piece& piece) { return piece.kind != MappingKind::zero; });
        if (area.path == "[stack]") {
            add_stack(area);
        } else if (area.is_file()) {
            add_file(area, has_own);
        } else {
            for (const Piece& piece : pieces_) {
                add_piece(area, piece);
            }
        }
    }

    [[nodiscard]] const Plan& finish() const noexcept {
        if (!has_stack_) {
            refuse({off_stack});
        }
        return plan_;
    }

  private:
    // Pages of a private mapping that were written to are anonymous, which the kernel tells.
    void read_entries(const Area& area) {
        entries_.resize((area.end - area.begin) / page_size);
        const std::size_t size = entries_.size() * sizeof(std::uint64_t);
        const auto offset = static_cast<off_t>(area.begin / page_size * sizeof(std::uint64_t));
        if (::pread(pagemap_, entries_.begin(), size, offset) != static_cast<ssize_t>(size)) {
            refuse_with_error("/proc/self/pagemap");
        }
    }

    // Within an area, which does not tell: the C library has the ends of its threads' stacks so.  The kernel tells from
    // 6.15 on.
    [[nodiscard]] bool is_guard(std::size_t page) const {
        constexpr std::uint64_t guard_region = std::uint64_t{1} << 58;  // PM_GUARD_REGION
        return (entries_[page] & guard_region) != 0;
    }

    [[nodiscard]] bool is_own(const Area& area, std::size_t page) const {
        constexpr std::uint64_t present_or_swapped = std::uint64_t{3} << 62;
        constexpr std::uint64_t of_a_file = std::uint64_t{1} << 61;
        const std::uint64_t entry = entries_[page];
        if (area.shared || (entry & present_or_swapped) == 0 || (entry & of_a_file) != 0) {
            return false;
        }
        if ((area.protection & protection_read) == 0) {
            refuse({"memory that was written to cannot be read (", area.path, ")", earlier});
        }
        return area.is_file() || !is_zero(area.begin + page * page_size);
    }

    void find_pieces(const Area& area) {
        read_entries(area);
        pieces_.resize(0);
        std::uint64_t block_end = 0;
        for (std::size_t page = 0; page < entries_.size(); ++page) {
            const std::uint64_t begin = area.begin + page * page_size;
            if (is_guard(page)) {
                add_page({begin, begin + page_size, MappingKind::guard});
                continue;
            }
            if (!is_own(area, page)) {
                add_page({begin, begin + page_size, MappingKind::zero});
                continue;
            }
            if (begin >= block_end && !area.is_file()) {
                block_end = end_of_large_block(area, begin);
            }
            add_page({begin, begin + page_size, begin < block_end ? MappingKind::copy : MappingKind::payload});
        }
    }

    void add_page(const Piece& page) {
        const std::size_t count = pieces_.size();
        if (count != 0 && pieces_.back().kind == page.kind) {
            pieces_.back().end = page.end;
        } else if (page.kind != MappingKind::zero && count >= 2 && pieces_[count - 2].kind == page.kind &&
                   pieces_.back().kind == MappingKind::zero &&
                   pieces_.back().end - pieces_.back().begin <= longest_kept_zeros) {
            pieces_.pop();  // short zeros between two pieces
            pieces_.back().end = page.end;
        } else {
            pieces_.push(page);
        }
    }

    static MappingRecord mapping_of(const Area& area, MappingKind kind, std::uint64_t begin, std::uint64_t end) {
        MappingRecord mapping{};
        mapping.begin = begin;
        mapping.end = end;
        mapping.kind = kind;
        mapping.protection = area.protection;
        return mapping;
    }

    [[nodiscard]] bool continues(const MappingRecord& next) const noexcept {
        if (plan_.mappings.empty()) {
            return false;
        }
        const MappingRecord& last = plan_.mappings.back();
        return last.end == next.begin && last.kind == next.kind && last.protection == next.protection &&
               last.flags == next.flags && last.file == next.file && last.kind != MappingKind::stack &&
               (next.kind == MappingKind::zero || next.kind == MappingKind::guard ||
                last.offset + (last.end - last.begin) == next.offset);
    }

    void append(const MappingRecord& mapping) {
        if (continues(mapping)) {
            plan_.mappings.back().end = mapping.end;
        } else {
            plan_.mappings.push(mapping);
        }
    }

    void add_zero(const Area& area, std::uint64_t begin, std::uint64_t end) {
        MappingRecord mapping = mapping_of(area, MappingKind::zero, begin, end);
        mapping.flags = area.has_flag("wf") ? mapping_wipe_on_fork : 0U;
        append(mapping);
    }

    void add_piece(const Area& area, const Piece& piece) {
        if (piece.kind == MappingKind::zero) {
            add_zero(area, piece.begin, piece.end);
        } else if (piece.kind == MappingKind::guard) {
            append(mapping_of(area, piece.kind, piece.begin, piece.end));
        } else {
            add_payload(area, piece.kind, piece.begin, piece.end);
        }
    }

    void add_payload(const Area& area, MappingKind kind, std::uint64_t begin, std::uint64_t end) {
        if (area.has_flag("wf")) {
            refuse({"memory that a fork clears was written to within the fork", earlier});
        }
        MappingRecord mapping = mapping_of(area, kind, begin, end);
        mapping.offset = plan_.payload_size;
        plan_.payload_size += end - begin;
        append(mapping);
    }

    void add_file(const Area& area, bool has_own) {
        if (has_own) {
            add_payload(area, MappingKind::payload, area.begin, area.end);
            return;
        }
        MappingRecord mapping = mapping_of(area, MappingKind::file, area.begin, area.end);
        mapping.offset = area.offset;
        mapping.flags = area.shared ? mapping_shared : 0U;
        mapping.file = file_number(area);
        append(mapping);
    }

    std::uint32_t file_number(const Area& area) {
        for (std::size_t i = plan_.paths.size(); i-- > 0;) {
            if (plan_.paths[i] == area.path) {
                return static_cast<std::uint32_t>(i);
            }
        }
        const FileRecord file = stamp_of(area.path);
        if (file.inode != area.inode || (file.mode & kind_bits) != regular_kind) {
            refuse({"a mapped file has been replaced, or is none (", area.path, "); try again"});
        }
        plan_.files.push(file);
        plan_.paths.push(area.path);
        return static_cast<std::uint32_t>(plan_.files.size() - 1);
    }

    void add_stack(const Area& area) {
        if (stack_pointer_ < area.begin || stack_pointer_ >= area.end) {
            refuse({off_stack});
        }
        rlimit limit{};
        if (::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur > most_stack) {
            refuse({"the stack has no limit; set one with `ulimit -s 8192`"});
        }
        const std::uint64_t begin = stack_pointer_ / page_size * page_size;
        MappingRecord mapping = mapping_of(area, MappingKind::stack, begin, area.end);
        mapping.room = std::max(limit.rlim_cur / page_size * page_size, area.end - area.begin);
        mapping.offset = plan_.payload_size;
        plan_.payload_size += area.end - begin;
        plan_.mappings.push(mapping);
        has_stack_ = true;
    }

    Plan plan_;
    std::uint64_t stack_pointer_;
    int pagemap_;
    List<std::uint64_t> entries_;
    List<Piece> pieces_;
    bool has_stack_ = false;
};

}  // namespace

Plan plan_mappings(const List<Area>& areas, std::uint64_t stack_pointer, Arena& arena) noexcept {
    Planner planner(stack_pointer, arena);
    for (const Area& area : areas) {
        planner.add(area);
    }
    return planner.finish();
}

}  // namespace pycds::snapshot
