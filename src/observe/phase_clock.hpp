#pragma once

// The time of a process by phase: that of its first thread, each moment in one phase alone.  To enter a phase is to
// leave the one below it until the entered one is over.
//
// The clock keeps its figures in a file that is mapped, so that they are there for whoever started the process however
// it ends: by os._exit, by a signal, as another program after execve.  What passes between the last change of phase and
// the end of the process belongs to the phase of that change.

#include "phases.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace pycds::observe {

// Of CLOCK_MONOTONIC, which all processes share, as Python's time.monotonic_ns() has it.
[[nodiscard]] std::int64_t monotonic_ns() noexcept;

// What the file holds, in the memory layout of the machine: it never leaves it.
struct PhaseRecord {
    static constexpr std::uint64_t expected_magic = 0x31'65'73'61'68'70'79'70ULL;  // "pyphase1"

    std::uint64_t magic = 0;    // 0 until there are figures
    std::int64_t begun_ns = 0;  // when the start-up hook was entered
    std::int64_t since_ns = 0;  // when the present phase was
    Phase present = Phase::rest;
    std::array<std::int64_t, phase_count> nanoseconds{};
    std::array<std::uint64_t, phase_count> entries{};
};

// What a process has left, completed by what only its parent knows.
struct PhaseReport {
    std::array<std::int64_t, phase_count> nanoseconds{};  // their sum is end_ns - start_ns
    std::array<std::uint64_t, phase_count> entries{};
};

// nullopt where the process never came to count.  `start_ns` is before it was started, `end_ns` after its end.  Throws
// std::system_error.
[[nodiscard]] std::optional<PhaseReport> read_report(const std::string& path, std::int64_t start_ns,
                                                     std::int64_t end_ns);

// A PhaseRecord in a mapped file.
class MappedRecord {
  public:
    // Throws std::system_error.
    explicit MappedRecord(const std::string& path);
    MappedRecord(const MappedRecord&) = delete;
    MappedRecord& operator=(const MappedRecord&) = delete;
    ~MappedRecord();

    [[nodiscard]] PhaseRecord& get() const noexcept { return *static_cast<PhaseRecord*>(address_); }

  private:
    void* address_;
};

class PhaseClock {
  public:
    // Begins with `measurement`.  `begun_ns` is when the start-up hook was entered; what has passed between that and
    // `attached_ns` is counted for `attach`.  Throws std::system_error.
    PhaseClock(const std::string& path, std::int64_t begun_ns, std::int64_t attached_ns);
    PhaseClock(const PhaseClock&) = delete;
    PhaseClock& operator=(const PhaseClock&) = delete;
    ~PhaseClock() { stop(); }

    // Counts no more, and leaves the file as it is.
    void stop() noexcept;

    // Counts again, in the thread that calls it; what has passed since stop() belongs to the phase of that moment.
    void resume() noexcept;

    // To be called in the thread that is counted.  The phase that was left.
    Phase change_to(Phase phase) noexcept {
        PhaseRecord& record = mapped_.get();
        const std::int64_t now = monotonic_ns();
        record.nanoseconds[static_cast<std::size_t>(record.present)] += now - record.since_ns;
        record.since_ns = now;
        const Phase left = record.present;
        record.present = phase;
        return left;
    }

    Phase enter(Phase phase) noexcept {
        ++mapped_.get().entries[static_cast<std::size_t>(phase)];
        return change_to(phase);
    }

    void begin_collection() noexcept { before_collection_ = enter(Phase::gc); }
    void end_collection() noexcept { change_to(before_collection_); }

  private:
    MappedRecord mapped_;
    Phase before_collection_ = Phase::rest;
};

// The clock that counts what this thread does.  Null in all threads but one, and in that one as long as nobody asked
// for a clock: the one check that a process pays which is not observed.
inline constinit thread_local PhaseClock* active = nullptr;

// A phase that ends with the block.
class PhaseScope {
  public:
    explicit PhaseScope(Phase phase) noexcept : clock_(active) {
        if (clock_ != nullptr) {
            left_ = clock_->enter(phase);
        }
    }
    PhaseScope(const PhaseScope&) = delete;
    PhaseScope& operator=(const PhaseScope&) = delete;
    ~PhaseScope() {
        if (clock_ != nullptr && clock_ == active) {  // not after a stop: in a forked child, say
            clock_->change_to(left_);
        }
    }

  private:
    PhaseClock* clock_;
    Phase left_ = Phase::rest;
};

}  // namespace pycds::observe
