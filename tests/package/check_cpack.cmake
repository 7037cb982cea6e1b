# SPDX-License-Identifier: Apache-2.0
# Makes the .tar.gz that cpack makes of the build in BUILD, and compares what is in it with what `cmake --install` gives:
# where the two are equal, a program can use the one as it can the other. Arguments: BUILD, CONFIG, CPACK, SCRATCH.
file(REMOVE_RECURSE ${SCRATCH})
set(prefix ${SCRATCH}/installed)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --config ${CONFIG}
                COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND ${CPACK} --config ${BUILD}/CPackConfig.cmake -C ${CONFIG} -G TGZ -B ${SCRATCH}/made
                COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
file(GLOB archives ${SCRATCH}/made/lowbit-*.tar.gz)
list(LENGTH archives count)
if(NOT count EQUAL 1)
  message(FATAL_ERROR "cpack made ${archives}")
endif()
file(ARCHIVE_EXTRACT INPUT ${archives} DESTINATION ${SCRATCH}/unpacked)
get_filename_component(name ${archives} NAME)
string(REGEX REPLACE "\\.tar\\.gz$" "" name ${name})
set(unpacked ${SCRATCH}/unpacked/${name})

file(GLOB_RECURSE installed RELATIVE ${prefix} ${prefix}/*)
file(GLOB_RECURSE packed RELATIVE ${unpacked} ${unpacked}/*)
if(NOT "${installed}" STREQUAL "${packed}" OR NOT installed MATCHES "include/lowbit/lowbit\\.h")
  message(FATAL_ERROR "the package has other files than the installation: ${packed}\n\nand not ${installed}")
endif()
foreach(file IN LISTS installed)
  file(SHA256 ${prefix}/${file} expected)
  file(SHA256 ${unpacked}/${file} found)
  if(NOT expected STREQUAL found)
    message(FATAL_ERROR "${file} differs")
  endif()
endforeach()
file(REMOVE_RECURSE ${SCRATCH})
