# SPDX-License-Identifier: Apache-2.0
# cmake -DSOURCE_DIR=<project> -P check_includes.cmake: fails with a list of the include directives of include/, src/
# and bench/ that go against the layering.
#
#   core <- arrays <- runtime <- kernels <- coding <- fp32 <- quant <- observe <- layers <- model <- recover
#        <- train <- search <- compress <- io/gguf <- io/onnx <- io/onnx_export <- io/tflite <- io/json <- io/safetensors <- io <- data <- report <- eval <- cli <- python
#
# (arrows: may be included by). bench/ may include all of them but cli, and nothing of tests/. Besides: core, runtime,
# kernels, quant and observe know no Eigen, apart from the one file that adapts its thread pool; the only public header
# that includes it is layers/eigen.h; lowbit.h is for users and never included inside.

set(layers core arrays runtime kernels coding fp32 quant observe layers model recover train search compress io/gguf io/onnx io/onnx_export io/tflite io/json io/safetensors io data report eval cli python)
set(thread_pool_adapter "^src/runtime/[a-z_]*(thread_pool|executor)[a-z_]*\\.(h|cc)$")
set(violations "")

file(GLOB_RECURSE files RELATIVE ${SOURCE_DIR}
     ${SOURCE_DIR}/include/*.h ${SOURCE_DIR}/src/*.h ${SOURCE_DIR}/src/*.cc ${SOURCE_DIR}/src/*.inl)
list(LENGTH files count)
if(count LESS 10)
  message(FATAL_ERROR "only ${count} source files under ${SOURCE_DIR}: is SOURCE_DIR the project?")
endif()

foreach(file IN LISTS files)
  string(REGEX REPLACE "^(include/lowbit|src)/(io/[a-z0-9]+|[a-z0-9]+)/.*" "\\2" layer ${file})
  list(FIND layers "${layer}" rank)
  file(STRINGS ${SOURCE_DIR}/${file} includes REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE ".*include[ \t]*[<\"]([^>\"]*)[>\"].*" "\\1" included "${line}")
    if(included STREQUAL "lowbit/lowbit.h")
      list(APPEND violations "${file} includes the umbrella ${included}")
    elseif(included MATCHES "^(unsupported/)?Eigen/")
      if(file MATCHES "^include/" AND NOT file STREQUAL "include/lowbit/layers/eigen.h")
        list(APPEND violations "${file} is a public header other than layers/eigen.h and includes ${included}")
      elseif(layer MATCHES "^(core|runtime|kernels|quant|observe)$" AND NOT file MATCHES "${thread_pool_adapter}")
        list(APPEND violations "${file} is below the Eigen line and includes ${included}")
      endif()
    elseif(included MATCHES "^(lowbit/)?(io/[a-z0-9]+|[a-z0-9]+)/" AND NOT file STREQUAL "include/lowbit/lowbit.h")
      list(FIND layers "${CMAKE_MATCH_2}" included_rank)
      if(included_rank GREATER rank)
        list(APPEND violations "${file} (${layer}) includes ${included}, which is above it")
      endif()
    endif()
    if(file MATCHES "^include/" AND line MATCHES "\"" AND NOT included MATCHES "^lowbit/"
       AND NOT included MATCHES "^lowbit needs")  # no file: the sentence that stops a compiler
      list(APPEND violations "${file} is public and includes ${included}, which is not installed")
    endif()
  endforeach()
endforeach()

file(GLOB_RECURSE benches RELATIVE ${SOURCE_DIR} ${SOURCE_DIR}/bench/*.h ${SOURCE_DIR}/bench/*.cc)
foreach(file IN LISTS benches)
  file(STRINGS ${SOURCE_DIR}/${file} includes REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE ".*include[ \t]*[<\"]([^>\"]*)[>\"].*" "\\1" included "${line}")
    if(included MATCHES "^cli/" OR included MATCHES "^(\\.\\./)*tests/" OR EXISTS ${SOURCE_DIR}/tests/${included})
      list(APPEND violations "${file} is a benchmark and includes ${included}")
    endif()
  endforeach()
endforeach()

if(violations)
  list(JOIN violations "\n  " text)
  message(FATAL_ERROR "includes against the layering:\n  ${text}")
endif()
message(STATUS "${count} files respect the layering")
