# SPDX-License-Identifier: Apache-2.0
# Packages of what is installed: `cpack -G TGZ` and `cpack -G DEB` in the folder of a build.
set(CPACK_PACKAGE_NAME lowbit)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "the authors of lowbit")
set(CPACK_PACKAGE_CONTACT "the authors of lowbit <lowbit@localhost>")  # a .deb has to have one
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "Headers, libraries and the command of lowbit, which quantizes trained networks and weight
matrices to codes of 1 to 8 bits, measures what that costs, and runs the result on the CPU.")
set(CPACK_RESOURCE_FILE_README ${PROJECT_SOURCE_DIR}/README.md)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_THREADS 0)
set(CPACK_GENERATOR TGZ)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  find_program(LOWBIT_DPKG_DEB dpkg-deb)
  mark_as_advanced(LOWBIT_DPKG_DEB)
  if(LOWBIT_DPKG_DEB)
    list(APPEND CPACK_GENERATOR DEB)
  endif()
endif()

# What headers and static libraries need of others; what programs and shared libraries need, dpkg-shlibdeps finds out.
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libeigen3-dev (>= 3.4), libfmt-dev")
if(TARGET lowbit_onnx)
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libprotobuf-dev, libonnx-dev")
endif()
find_program(LOWBIT_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(LOWBIT_SHLIBDEPS)
if(LOWBIT_SHLIBDEPS AND NOT CMAKE_CROSSCOMPILING)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  # The package's own libraries are in no other.
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/src ${PROJECT_BINARY_DIR}/src/train
      ${PROJECT_BINARY_DIR}/src/io/onnx ${PROJECT_BINARY_DIR}/src/io/json)
endif()

set(CPACK_SOURCE_GENERATOR TGZ)
set(CPACK_SOURCE_IGNORE_FILES "/\\.git(/|$)" "^${PROJECT_SOURCE_DIR}/build/")
include(CPack)
