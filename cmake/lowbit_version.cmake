# SPDX-License-Identifier: Apache-2.0
# Sets lowbit_version to the version that include/lowbit/version.h states.
set(lowbit_version "")
foreach(part MAJOR MINOR PATCH)
  file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../include/lowbit/version.h line REGEX "define LOWBIT_VERSION_${part} [0-9]+$")
  if(NOT line MATCHES "([0-9]+)$")
    message(FATAL_ERROR "include/lowbit/version.h defines no LOWBIT_VERSION_${part}")
  endif()
  string(APPEND lowbit_version ".${CMAKE_MATCH_1}")
endforeach()
string(SUBSTRING ${lowbit_version} 1 -1 lowbit_version)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/../include/lowbit/version.h)
