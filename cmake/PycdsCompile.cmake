# How everything here is compiled and linked: the interface targets pycds_compile and pycds_runtime.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")

# For what makes, verifies and describes archives, and what is called once in a process: there the second saved does
# not matter, but every environment holds each kilobyte.
set(pycds_for_size $<$<CONFIG:Release>:-Os>)

find_program(CCACHE_PROGRAM ccache)
mark_as_advanced(CCACHE_PROGRAM)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(pycds_compile INTERFACE)
target_compile_options(pycds_compile INTERFACE
  -Wall -Wextra $<$<BOOL:${PYCDS_WERROR}>:-Werror>
  -fno-plt -ffunction-sections -fdata-sections
  # What nothing is thrown through needs no tables for unwinding: an eighth of them.
  -fno-asynchronous-unwind-tables)
target_link_options(pycds_compile INTERFACE -Wl,--gc-sections)

if(PYCDS_SANITIZE)
  target_compile_options(pycds_compile INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1)
  target_link_options(pycds_compile INTERFACE -fsanitize=address,undefined)
endif()

add_library(pycds_runtime INTERFACE)
if(NOT PYCDS_SANITIZE)
  # The dynamic loader would map and relocate libstdc++ in every process that imports _core; linked in,
  # it costs nothing there. A sanitizer intercepts the exceptions of the shared library, so it keeps that.
  # Code and what is only read lie on the same pages: to part them fills up to four with nothing.
  target_link_options(pycds_runtime INTERFACE
    -static-libstdc++ -static-libgcc -Wl,-z,noseparate-code
    "-Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/exported.map")
endif()
