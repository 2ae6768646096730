#pragma once

namespace pycds::snapshot {

// Why a snapshot is not restored.  The restorer says the word, counts it, and runs the plain program.
enum class Fault {
    none,
    switched_off,
    // of the file
    missing,
    untrusted,
    truncated,
    foreign,
    format_version,
    damaged,
    payload,
    // of what it is for
    user,
    kernel,
    host,
    processor,
    affinity,
    environment,
    directory,
    file_changed,
    signals,
    streams,
    descriptors,
    limits,
    // of what the kernel did not do
    memory,
    vdso,
    layout,
    thread,
    reading,
};

// The word in the list of refusals, and what it means.
struct FaultText {
    const char* word;
    const char* meaning;
};

[[nodiscard]] constexpr FaultText text_of(Fault fault) noexcept {
    switch (fault) {
    case Fault::none:
        return {"none", "nothing is wrong"};
    case Fault::switched_off:
        return {"switched-off", "PYCDSENABLED or PYCDSMODE says otherwise"};
    case Fault::missing:
        return {"missing", "there is no such file, or it cannot be opened"};
    case Fault::untrusted:
        return {"untrusted", "others own it or its directory, or may write there, or may read it"};
    case Fault::truncated:
        return {"truncated", "it is shorter or longer than it was"};
    case Fault::foreign:
        return {"foreign", "it is not a snapshot"};
    case Fault::format_version:
        return {"format-version", "it was made by another version of PyCDS"};
    case Fault::damaged:
        return {"damaged", "its header or its tables are damaged"};
    case Fault::payload:
        return {"payload", "its pages have changed"};
    case Fault::user:
        return {"user", "it was made by another user or group"};
    case Fault::kernel:
        return {"kernel", "it was made under another kernel"};
    case Fault::host:
        return {"host", "it was made on a host of another name, and the program asked for it"};
    case Fault::processor:
        return {"processor", "it was made on a processor with other features"};
    case Fault::affinity:
        return {"affinity", "it was made with another set of processors"};
    case Fault::environment:
        return {"environment", "an environment variable differs"};
    case Fault::directory:
        return {"directory", "the working directory is another one, and the program asked for it"};
    case Fault::file_changed:
        return {"file-changed", "a file or directory has changed since"};
    case Fault::signals:
        return {"signals", "signals are ignored or blocked that were not, or the other way round"};
    case Fault::streams:
        return {"streams", "a standard stream is a directory, or a terminal where the program saw none"};
    case Fault::descriptors:
        return {"descriptors", "a descriptor is open of the same number as one that a library needs"};
    case Fault::limits:
        return {"limits", "a limit of resources differs"};
    case Fault::memory:
        return {"memory", "memory could not be mapped"};
    case Fault::vdso:
        return {"vdso", "the kernel's vdso differs or cannot be moved"};
    case Fault::layout:
        return {"layout", "the kernel does not let the layout of memory be set"};
    case Fault::thread:
        return {"thread", "the kernel does not let the state of the thread be set"};
    case Fault::reading:
        return {"reading", "it could not be read"};
    }
    return {"unknown", "for an unknown reason"};
}

}  // namespace pycds::snapshot
