# SPDX-License-Identifier: Apache-2.0
# Configures an outside project that has lowbit in a subfolder, and reads how the library would be compiled: optimized
# where the project names neither a build type nor an optimization, else as the project says. Arguments: SOURCE_DIR (of
# the outside project), LOWBIT_DIR, SCRATCH, CXX, GENERATOR, MAKE, TOOLCHAIN.
function(configure result)
  file(REMOVE_RECURSE ${SCRATCH})
  # Not even by the environment.
  execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=CXXFLAGS --unset=CMAKE_BUILD_TYPE ${CMAKE_COMMAND} -G ${GENERATOR}
                          -S ${SOURCE_DIR} -B ${SCRATCH} -DLOWBIT_DIR=${LOWBIT_DIR} -DCMAKE_CXX_COMPILER=${CXX}
                          -DCMAKE_MAKE_PROGRAM=${MAKE} "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}"
                          -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DLOWBIT_ONNX=OFF -DLOWBIT_JSON=OFF ${ARGN}
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE error)
  if(failed)
    message(FATAL_ERROR "cannot be configured with ${ARGN}: ${error}")
  endif()
  file(READ ${SCRATCH}/compile_commands.json commands)
  set(${result} "${commands}" PARENT_SCOPE)
endfunction()

# The -O flags of a source, in their order.
function(flags_of result commands source)
  string(REGEX MATCH "\"command\": \"[^\n]*/${source}\"" command "${commands}")
  if(NOT command)
    message(FATAL_ERROR "${source} is not compiled: ${commands}")
  endif()
  string(REGEX MATCHALL " -O[^ ]*" flags "${command}")
  string(REPLACE " " "" flags "${flags}")
  set(${result} "${flags}" PARENT_SCOPE)
endfunction()

function(expect flags)
  configure(commands ${ARGN})
  foreach(source gemm_reference.cc elementwise_scalar.cc layers/conv2d.cc)
    flags_of(found "${commands}" ${source})
    if(NOT found STREQUAL "${flags}")
      message(FATAL_ERROR "${ARGN}: ${source} is compiled with \"${found}\", not \"${flags}\"")
    endif()
  endforeach()
endfunction()

expect("-O2")
expect("-O1" -DCMAKE_CXX_FLAGS=-O1)
expect("-Os" -DCONSUMER_OPTIONS=-Os)
expect("" -DCMAKE_BUILD_TYPE=Debug)
