# SPDX-License-Identifier: Apache-2.0
# cmake -DPROGRAM=... -DMPIEXEC=... -DNET=... -DFOLDER=... -P calibrate_mpi_test.cmake: the tables of one process without
# MPI's launcher, and of two and three ranks, must be the same bytes.

# Containers run as root, and may have fewer cores than ranks.
set(ENV{OMPI_ALLOW_RUN_AS_ROOT} 1)
set(ENV{OMPI_ALLOW_RUN_AS_ROOT_CONFIRM} 1)
set(ENV{OMPI_MCA_rmaps_base_oversubscribe} 1)
set(ENV{PRTE_MCA_rmaps_default_mapping_policy} ":oversubscribe")

file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
execute_process(COMMAND ${PROGRAM} ${NET} ${FOLDER}/1.json RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "one process failed: ${status}")
endif()
foreach(ranks 2 3)
  execute_process(COMMAND ${MPIEXEC} -n ${ranks} ${PROGRAM} ${NET} ${FOLDER}/${ranks}.json RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ranks} ranks failed: ${status}")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${FOLDER}/1.json ${FOLDER}/${ranks}.json
                  RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "the table of ${ranks} ranks is not that of one process")
  endif()
endforeach()
