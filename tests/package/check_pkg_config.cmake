# SPDX-License-Identifier: Apache-2.0
# Compiles SOURCE with what pkg-config says of the lowbit installed in PREFIX, as somebody without CMake does, and runs it
# with MODEL. Arguments: besides, PKG_CONFIG, CXX, COMPONENTS (of onnx and json), SCRATCH.
file(GLOB_RECURSE files ${PREFIX}/*/lowbit.pc)
get_filename_component(folder "${files}" DIRECTORY)
get_filename_component(libraries ${folder} DIRECTORY)
set(packages lowbit)
set(definitions "")
foreach(component IN LISTS COMPONENTS)
  string(TOUPPER ${component} upper)
  list(PREPEND packages lowbit-${component})
  list(APPEND definitions -DCONSUMER_${upper})
endforeach()
set(ENV{PKG_CONFIG_PATH} "${folder}:$ENV{PKG_CONFIG_PATH}")
execute_process(COMMAND ${PKG_CONFIG} --cflags --libs ${packages} OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
file(MAKE_DIRECTORY ${SCRATCH})
execute_process(COMMAND ${CXX} -std=c++20 ${definitions} ${SOURCE} ${flags} -o ${SCRATCH}/program COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${libraries} ${SCRATCH}/program ${MODEL}
                COMMAND_ERROR_IS_FATAL ANY)
# What it says of the version is the version.
execute_process(COMMAND ${PKG_CONFIG} --exact-version=${VERSION} lowbit COMMAND_ERROR_IS_FATAL ANY)
