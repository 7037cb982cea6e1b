# SPDX-License-Identifier: Apache-2.0
# lowbit_add_sources(FILES...): adds the sources of one folder to the library. A unity build (CMAKE_UNITY_BUILD) compiles
# them as one translation unit: reading and instantiating what they include takes longer than compiling the rest.
# Kernel files stay alone, each with its flags (lowbit_add_kernel).
function(lowbit_add_sources)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  target_sources(lowbit PRIVATE ${ARGN})
  set_property(SOURCE ${ARGN} TARGET_DIRECTORY lowbit PROPERTY UNITY_GROUP ${folder})
endfunction()
