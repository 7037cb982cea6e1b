# SPDX-License-Identifier: Apache-2.0
# Configures the project with few formats and instruction sets and reads the list of kernels. Arguments: SOURCE_DIR,
# SCRATCH, CXX, TOOLCHAIN.
function(configure result formats isas)
  file(REMOVE_RECURSE ${SCRATCH})
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${SCRATCH} -DCMAKE_CXX_COMPILER=${CXX}
                          "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}" -DLOWBIT_ONNX=OFF -DLOWBIT_JSON=OFF -DLOWBIT_CLI=OFF
                          -DLOWBIT_TESTS=OFF -DLOWBIT_BENCH=OFF -DLOWBIT_EXAMPLES=OFF
                          "-DLOWBIT_FORMATS=${formats}" "-DLOWBIT_ISAS=${isas}"
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE error)
  set(${result} ${failed} PARENT_SCOPE)
  set(error "${error}" PARENT_SCOPE)
endfunction()

configure(failed "s8;lut4f32" avx2)
if(failed)
  message(FATAL_ERROR "cannot be configured: ${error}")
endif()
file(READ ${SCRATCH}/generated/kernels/kernel_list.h list)
foreach(kernel GemmS8Scalar GemmLut4f32Scalar ElementwiseScalar DepthwiseScalar)
  if(NOT list MATCHES "&k${kernel},")
    message(FATAL_ERROR "no ${kernel} in ${list}")
  endif()
endforeach()
if(list MATCHES "Avx512|Neon|U4|GemmS2|GemmB1|Lut8|GemmLut4[A-Z]")
  message(FATAL_ERROR "left out and yet there: ${CMAKE_MATCH_0} in ${list}")
endif()

configure(failed s9 avx2)
if(NOT failed OR NOT error MATCHES "s9")
  message(FATAL_ERROR "a format that does not exist: ${failed} ${error}")
endif()
