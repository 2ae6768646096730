#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pycds::snapshot {

// What is asked of a dump.
struct Request {
    std::string path;                      // of the snapshot
    std::vector<std::string> command;      // the plain program
    std::vector<std::string> watched;      // files and directories whose change makes the snapshot useless
    std::vector<std::string> looked_at;    // the same, but of directories it counts alone that they are some
    std::vector<std::string> environment;  // "NAME=VALUE" of what must be the same, in byte order
    std::vector<std::string> free_names;   // names of variables that may differ; "NAME*" for all that begin so
    std::string directory;                 // the working directory where it must be the same, else empty
    std::string host;                      // the host's name where it must be the same, else empty
    bool no_terminals = false;             // whether the standard streams must not be terminals
    std::string python;                    // sys.version
    std::string made_by;                   // what `pycds snapshot create` was asked for
    std::int64_t began = 0;                // ns since 1970: what has changed since then may be half one, half the other
};

}  // namespace pycds::snapshot
