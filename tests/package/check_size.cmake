# SPDX-License-Identifier: Apache-2.0
# Fails when a stripped copy of PROGRAM has more than LIMIT bytes, or when it does not run. Arguments: PROGRAM, LIMIT,
# STRIP, EMULATOR (a list, may be empty).
execute_process(COMMAND ${STRIP} -o ${PROGRAM}.stripped ${PROGRAM} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${STRIP} cannot read ${PROGRAM}")
endif()
execute_process(COMMAND ${EMULATOR} ${PROGRAM}.stripped RESULT_VARIABLE failed OUTPUT_VARIABLE output)
if(failed)
  message(FATAL_ERROR "${PROGRAM}.stripped: ${failed}: ${output}")
endif()
file(SIZE ${PROGRAM}.stripped size)
if(size GREATER LIMIT)
  message(FATAL_ERROR "${size} bytes, more than ${LIMIT}")
endif()
message(STATUS "${size} bytes")
