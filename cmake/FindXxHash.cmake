# xxHash, used by inclusion (XXH_INLINE_ALL): sets XxHash_FOUND and the target XxHash::inline.
# A source distribution brings its own header, so that it builds the same everywhere.
find_path(XxHash_INCLUDE_DIR xxhash.h HINTS "${PROJECT_SOURCE_DIR}/vendor")
mark_as_advanced(XxHash_INCLUDE_DIR)

if(NOT XxHash_INCLUDE_DIR)
  message(FATAL_ERROR
    "xxhash.h was not found; the archive's checksums need it. "
    "Install xxHash 0.8 or newer (Debian, Ubuntu: apt-get install libxxhash-dev), "
    "or say where it is with -DXxHash_INCLUDE_DIR=DIRECTORY.")
endif()

file(STRINGS "${XxHash_INCLUDE_DIR}/xxhash.h" version_lines
  REGEX "#define XXH_VERSION_(MAJOR|MINOR|RELEASE) +[0-9]+")
string(REGEX REPLACE "[^0-9;]+" "" version_numbers "${version_lines}")
list(JOIN version_numbers "." XxHash_VERSION)
if(XxHash_VERSION VERSION_LESS 0.8)
  # XXH3 is stable, and so usable in a file format, from 0.8 on.
  message(FATAL_ERROR
    "${XxHash_INCLUDE_DIR}/xxhash.h is version ${XxHash_VERSION}; 0.8 or newer is needed.")
endif()

if(NOT TARGET XxHash::inline)
  add_library(XxHash::inline INTERFACE IMPORTED)
  target_include_directories(XxHash::inline INTERFACE "${XxHash_INCLUDE_DIR}")
endif()
set(XxHash_FOUND TRUE)
