# The target of src/snapshot: pycds_snapshot, a library. It is there where snapshots_possible is on.

set(snapshots_possible OFF)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(snapshots_possible ON)
endif()

if(NOT snapshots_possible)
  return()
endif()

# The checks of what was written are the restorer's.
set(snapshot_checks "${CMAKE_CURRENT_SOURCE_DIR}/src/snapshot/view.cpp"
  "${CMAKE_CURRENT_SOURCE_DIR}/src/snapshot/checksum.cpp")
file(GLOB snapshot_sources CONFIGURE_DEPENDS src/snapshot/*.cpp)
list(REMOVE_ITEM snapshot_sources "${CMAKE_CURRENT_SOURCE_DIR}/src/snapshot/view.cpp")
add_library(pycds_snapshot STATIC ${snapshot_sources})
set_target_properties(pycds_snapshot PROPERTIES UNITY_BUILD ${PYCDS_UNITY})
# What fails there ends the process: no exceptions, and a third of the code.
target_compile_options(pycds_snapshot PRIVATE
  ${pycds_for_size} -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables)
target_include_directories(pycds_snapshot PUBLIC src)
target_compile_definitions(pycds_snapshot PUBLIC PYCDS_SNAPSHOT PRIVATE "PYCDS_VERSION=\"${PROJECT_VERSION}\"")
target_link_libraries(pycds_snapshot PRIVATE XxHash::inline pycds_compile)
