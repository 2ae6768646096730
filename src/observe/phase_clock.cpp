#include "phase_clock.hpp"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace pycds::observe {

namespace {

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

class Descriptor {
  public:
    Descriptor(const std::string& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY)) {
        if (number_ < 0) {
            fail(path);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { ::close(number_); }

    [[nodiscard]] int get() const noexcept { return number_; }

  private:
    int number_;
};

}  // namespace

std::int64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

std::optional<PhaseReport> read_report(const std::string& path, std::int64_t start_ns, std::int64_t end_ns) {
    const Descriptor file(path, O_RDONLY);
    PhaseRecord record;
    const ssize_t count = ::pread(file.get(), &record, sizeof(record), 0);
    if (count < 0) {
        fail(path);
    }
    if (count != sizeof(record) || record.magic != PhaseRecord::expected_magic || record.present >= Phase::count) {
        return std::nullopt;
    }
    PhaseReport report{record.nanoseconds, record.entries};
    report.nanoseconds[static_cast<std::size_t>(Phase::start)] += record.begun_ns - start_ns;
    report.nanoseconds[static_cast<std::size_t>(record.present)] += end_ns - record.since_ns;
    return report;
}

MappedRecord::MappedRecord(const std::string& path) : address_(MAP_FAILED) {
    const Descriptor file(path, O_RDWR);
    if (::ftruncate(file.get(), sizeof(PhaseRecord)) != 0) {
        fail(path);
    }
    address_ = ::mmap(nullptr, sizeof(PhaseRecord), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (address_ == MAP_FAILED) {
        fail(path);
    }
    get() = PhaseRecord();
}

MappedRecord::~MappedRecord() { ::munmap(address_, sizeof(PhaseRecord)); }

PhaseClock::PhaseClock(const std::string& path, std::int64_t begun_ns, std::int64_t attached_ns) : mapped_(path) {
    PhaseRecord& record = mapped_.get();
    record.begun_ns = begun_ns;
    record.nanoseconds[static_cast<std::size_t>(Phase::attach)] = attached_ns - begun_ns;
    record.since_ns = attached_ns;
    record.present = Phase::measurement;
    record.magic = PhaseRecord::expected_magic;
    active = this;
}

void PhaseClock::stop() noexcept {
    if (active == this) {
        active = nullptr;
    }
}

void PhaseClock::resume() noexcept { active = this; }

}  // namespace pycds::observe
