// The checks of a snapshot (src/snapshot/view.cpp), the same code as in the restorer.  The input is a list of changes,
// so that any bytes will do.  The same function runs in the GoogleTest suite.

#include "exercise_snapshot.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    (void)pycds::snapshot::fuzz::exercise_snapshot(data, size);
    return 0;
}
