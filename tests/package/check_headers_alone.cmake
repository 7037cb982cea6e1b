# SPDX-License-Identifier: Apache-2.0
# Whether public headers compile where each is included first and alone, and twice.
#
#   cmake -DCXX=... "-DFLAGS=..." "-DHEADERS=..." -DSCRATCH=FOLDER -DPART=0 -DPARTS=2 -P check_headers_alone.cmake
#
# takes every PARTS-th header from number PART on, so that several can run at a time.
file(MAKE_DIRECTORY ${SCRATCH})
set(unit ${SCRATCH}/alone_${PART}.cc)
set(number 0)
set(looked_at 0)
set(bad "")
foreach(header IN LISTS HEADERS)
  math(EXPR part "${number} % ${PARTS}")
  math(EXPR number "${number} + 1")
  if(NOT part EQUAL PART)
    continue()
  endif()
  math(EXPR looked_at "${looked_at} + 1")
  file(WRITE ${unit} "#include \"${header}\"\n#include \"${header}\"\n")
  execute_process(COMMAND ${CXX} ${FLAGS} -fsyntax-only ${unit} RESULT_VARIABLE status ERROR_VARIABLE errors)
  if(NOT status EQUAL 0)
    message("${header}:\n${errors}")
    list(APPEND bad ${header})
  endif()
endforeach()
if(bad)
  message(FATAL_ERROR "these do not compile alone: ${bad}")
endif()
if(looked_at EQUAL 0)
  message(FATAL_ERROR "no header was looked at")
endif()
message("${looked_at} headers compile alone")
