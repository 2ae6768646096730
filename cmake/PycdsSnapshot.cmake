# The targets of src/snapshot: pycds_snapshot, a library, and pycds_restorer, a program without libc. They are there where
# snapshots_possible is on, and in the module and the wheel where PYCDS_SNAPSHOTS is, too; other wheels do without them.

set(snapshots_possible OFF)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(snapshots_possible ON)
endif()

if(NOT snapshots_possible)
  set(PYCDS_SNAPSHOTS OFF)
  return()
endif()

# The restorer's checks; who writes a snapshot makes them, too.
set(snapshot_checks "${CMAKE_CURRENT_SOURCE_DIR}/src/snapshot/view.cpp"
  "${CMAKE_CURRENT_SOURCE_DIR}/src/snapshot/checksum.cpp")
file(GLOB snapshot_sources CONFIGURE_DEPENDS src/snapshot/*.cpp)
add_library(pycds_snapshot STATIC ${snapshot_sources})
set_target_properties(pycds_snapshot PROPERTIES UNITY_BUILD ${PYCDS_UNITY})
# What fails there ends the process: no exceptions, and a third of the code.
target_compile_options(pycds_snapshot PRIVATE
  ${pycds_for_size} -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables)
target_include_directories(pycds_snapshot PUBLIC src)
target_compile_definitions(pycds_snapshot PUBLIC PYCDS_SNAPSHOT PRIVATE "PYCDS_VERSION=\"${PROJECT_VERSION}\"")
target_link_libraries(pycds_snapshot PRIVATE XxHash::inline pycds_compile)

# Above every address that a kernel of this machine gives to a program by itself; format.hpp has the same number.
set(restorer_address 0x680000000000)
file(GLOB restorer_sources CONFIGURE_DEPENDS src/snapshot/restore/*.cpp)
add_executable(pycds_restorer ${restorer_sources} ${snapshot_checks})
set_target_properties(pycds_restorer PROPERTIES OUTPUT_NAME restorer)
target_include_directories(pycds_restorer PRIVATE src)
target_link_libraries(pycds_restorer PRIVATE XxHash::inline)
# Its code runs before there is anything that a runtime or a sanitizer could rely on.
target_compile_options(pycds_restorer PRIVATE
  -Wall -Wextra $<$<BOOL:${PYCDS_WERROR}>:-Werror> -Os -ffreestanding -fno-exceptions -fno-rtti
  -fno-stack-protector -fno-asynchronous-unwind-tables -fno-threadsafe-statics -fcf-protection=none
  -ffunction-sections -fdata-sections -fPIE)
target_link_options(pycds_restorer PRIVATE
  -static -nostdlib -no-pie -s -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noseparate-code
  -Wl,-Ttext-segment=${restorer_address})

if(NOT PYCDS_SNAPSHOTS AND NOT PYCDS_TESTS)
  set_target_properties(pycds_snapshot pycds_restorer PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
