# SPDX-License-Identifier: Apache-2.0
# The output of PROGRAM COUNT, under EMULATOR if any, must be the same with each of ISAS as LOWBIT_ISA.
foreach(isa IN LISTS ISAS)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env LOWBIT_ISA=${isa} ${EMULATOR} ${PROGRAM} ${COUNT}
                  OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${isa}: status ${status}\n${errors}")
  endif()
  if(NOT DEFINED first)
    set(first "${output}")
    message("${output}")
  elseif(NOT output STREQUAL first)
    message(FATAL_ERROR "${isa} gives other bits:\n${output}")
  endif()
endforeach()
