# Where there can be snapshots, snapshots_possible is on, and snapshot_checks are the sources of the format's checks.

set(snapshots_possible OFF)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(snapshots_possible ON)
endif()

if(NOT snapshots_possible)
  return()
endif()

set(snapshot_checks "${CMAKE_CURRENT_SOURCE_DIR}/src/snapshot/view.cpp"
  "${CMAKE_CURRENT_SOURCE_DIR}/src/snapshot/checksum.cpp")
