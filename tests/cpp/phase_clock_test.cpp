// The clock of `pycds bench --explain`: each moment in one phase, and all of them together what has passed.

#include "observe/phase_clock.hpp"
#include "scratch_directory.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <numeric>
#include <system_error>
#include <thread>

namespace pycds::observe {
namespace {

class PhaseClockTest : public testing::Test {
  protected:
    PhaseClockTest() { std::ofstream(path_).close(); }

    [[nodiscard]] static std::int64_t of(const PhaseReport& report, Phase phase) {
        return report.nanoseconds[static_cast<std::size_t>(phase)];
    }
    [[nodiscard]] static std::uint64_t entries_of(const PhaseReport& report, Phase phase) {
        return report.entries[static_cast<std::size_t>(phase)];
    }

    image::test::ScratchDirectory directory_;
    std::string path_ = directory_.path("phases");
};

void pass_time() {
    for (const std::int64_t begin = monotonic_ns(); monotonic_ns() - begin < 1000;) {
    }
}

TEST_F(PhaseClockTest, TimesAddUpToWhatHasPassed) {
    const std::int64_t start = monotonic_ns();
    const std::int64_t begun = start + 5000;
    {
        PhaseClock clock(path_, begun, begun + 300);
        {
            const PhaseScope exec(Phase::exec);
            pass_time();
            const PhaseScope link(Phase::link);
            pass_time();
        }
        clock.change_to(Phase::exit);
    }
    const std::int64_t end = monotonic_ns() + 70'000;
    const auto report = read_report(path_, start, end);
    ASSERT_TRUE(report);
    EXPECT_EQ(std::accumulate(report->nanoseconds.begin(), report->nanoseconds.end(), std::int64_t{0}), end - start);
    EXPECT_EQ(of(*report, Phase::start), 5000);
    EXPECT_EQ(of(*report, Phase::attach), 300);
    EXPECT_GE(of(*report, Phase::exec), 1000);
    EXPECT_GE(of(*report, Phase::link), 1000);
    EXPECT_GE(of(*report, Phase::exit), 70'000);
    EXPECT_EQ(of(*report, Phase::find), 0);
}

TEST_F(PhaseClockTest, APhaseIsLeftForTheOneBelow) {
    PhaseClock clock(path_, 0, 0);
    EXPECT_EQ(clock.enter(Phase::rest), Phase::measurement);
    {
        const PhaseScope exec(Phase::exec);
        {
            const PhaseScope regex(Phase::regex);
        }
        {
            const PhaseScope regex(Phase::regex);
        }
        clock.begin_collection();
        clock.end_collection();
        EXPECT_EQ(clock.change_to(Phase::exec), Phase::exec);
    }
    EXPECT_EQ(clock.change_to(Phase::exit), Phase::rest);
    const auto report = read_report(path_, 0, monotonic_ns());
    ASSERT_TRUE(report);
    EXPECT_EQ(entries_of(*report, Phase::exec), 1U);
    EXPECT_EQ(entries_of(*report, Phase::regex), 2U);
    EXPECT_EQ(entries_of(*report, Phase::gc), 1U);
}

TEST_F(PhaseClockTest, OtherThreadsAreNotCounted) {
    const PhaseClock clock(path_, 0, 0);
    std::thread([] { const PhaseScope scope(Phase::link); }).join();
    EXPECT_EQ(entries_of(*read_report(path_, 0, monotonic_ns()), Phase::link), 0U);
}

TEST_F(PhaseClockTest, AStoppedClockIsLeftAlone) {
    PhaseClock clock(path_, 0, 0);
    {
        const PhaseScope scope(Phase::link);
        clock.stop();
        const PhaseScope later(Phase::find);
    }
    EXPECT_EQ(active, nullptr);
    EXPECT_EQ(clock.change_to(Phase::exit), Phase::link);
    EXPECT_EQ(entries_of(*read_report(path_, 0, monotonic_ns()), Phase::find), 0U);
}

TEST_F(PhaseClockTest, WhatPassesWhileItIsStoppedBelongsToThePhaseOfThatMoment) {
    PhaseClock clock(path_, 0, 0);
    const std::int64_t begin = monotonic_ns();
    clock.change_to(Phase::measurement);
    clock.stop();
    {
        const PhaseScope scope(Phase::link);
        pass_time();
    }
    clock.resume();
    {
        const PhaseScope scope(Phase::find);
    }
    clock.change_to(Phase::rest);
    const std::int64_t end = monotonic_ns();
    const auto report = read_report(path_, 0, end);
    EXPECT_EQ(entries_of(*report, Phase::link), 0U);
    EXPECT_EQ(entries_of(*report, Phase::find), 1U);
    EXPECT_GE(of(*report, Phase::measurement), 1000);
    EXPECT_LE(of(*report, Phase::find), end - begin);
}

TEST_F(PhaseClockTest, WhatNeverCountedHasNoReport) {
    EXPECT_FALSE(read_report(path_, 0, 1));
    std::ofstream(path_) << std::string(sizeof(PhaseRecord), '\0');
    EXPECT_FALSE(read_report(path_, 0, 1));
    EXPECT_THROW((void)read_report(path_ + ".none", 0, 1), std::system_error);
    EXPECT_THROW(PhaseClock(path_ + ".none", 0, 0), std::system_error);
    EXPECT_EQ(active, nullptr);
}

TEST_F(PhaseClockTest, WhatNoClockHasWrittenHasNoReport) {
    {
        const PhaseClock clock(path_, 0, 0);
    }
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(PhaseRecord, present));
    file.put('\x7f');
    file.close();
    EXPECT_FALSE(read_report(path_, 0, 1));
}

TEST(Phases, HaveNames) {
    for (std::size_t i = 0; i < phase_count; ++i) {
        ASSERT_TRUE(to_phase(phase_names[i]));
        EXPECT_EQ(static_cast<std::size_t>(*to_phase(phase_names[i])), i);
    }
    EXPECT_EQ(to_phase("link"), Phase::link);
    EXPECT_EQ(to_phase("rest"), Phase::rest);
    EXPECT_FALSE(to_phase("nothing"));
}

}  // namespace
}  // namespace pycds::observe
