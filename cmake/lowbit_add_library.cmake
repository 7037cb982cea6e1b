# SPDX-License-Identifier: Apache-2.0
# lowbit_add_library(TARGET SOURCES...): one of the libraries that are installed, static or, with BUILD_SHARED_LIBS,
# shared.
#
# A shared library exports namespace lowbit and nothing else. Hidden by default with a macro at each public name is no
# way: the components (onnx, json), the command and the tests use names of lowbit that are in no public header, and would
# need a second, static copy. A list for the linker keeps in what it has of other libraries (fmt, Eigen, the standard
# library), so that no program's copy of those, compiled with other flags, takes the place of its own.
function(lowbit_add_library target)
  add_library(${target} ${ARGN})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
                                             VISIBILITY_INLINES_HIDDEN ON)
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL "SHARED_LIBRARY")
    return()
  endif()
  # Before version 1.0 a new minor version may change the API.
  set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET default WINDOWS_EXPORT_ALL_SYMBOLS ON
                        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(APPLE)
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "@loader_path")
  elseif(UNIX)
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
    set(exports ${PROJECT_SOURCE_DIR}/cmake/lowbit_exports.map)
    target_link_options(${target} PRIVATE -Wl,--version-script=${exports} -Wl,-Bsymbolic-functions)
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${exports})
  endif()
  if(NOT MSVC)
    # Calls inside the library stay there: what -Bsymbolic-functions does, told to the compiler.
    target_compile_options(${target} PRIVATE -fno-semantic-interposition)
  endif()
endfunction()
