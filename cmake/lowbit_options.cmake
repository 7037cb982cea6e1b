# SPDX-License-Identifier: Apache-2.0
# Compiler settings shared by every target of the project, as one interface target that is never exported.

add_library(lowbit_build_flags INTERFACE)
target_compile_features(lowbit_build_flags INTERFACE cxx_std_20)

if(MSVC)
  target_compile_options(lowbit_build_flags INTERFACE /W4 /fp:precise $<$<BOOL:${LOWBIT_WERROR}>:/WX>)
else()
  # -ffp-contract=off: multiply and add stay two roundings; that is what makes the bits equal on every CPU.
  target_compile_options(lowbit_build_flags INTERFACE -ffp-contract=off -fno-fast-math
    -Wall -Wextra -Wpedantic -Wshadow $<$<BOOL:${LOWBIT_WERROR}>:-Werror>)
endif()

# A project that has lowbit in a subfolder and names no build type has no optimization, which kernels live on. What it
# asks for itself, by a build type or a flag, stays.
if(NOT MSVC AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  get_directory_property(lowbit_given_options COMPILE_OPTIONS)
  if(NOT "${CMAKE_CXX_FLAGS};${lowbit_given_options}" MATCHES "(^|[ ;:,])-O")
    target_compile_options(lowbit_build_flags INTERFACE -O2)
  endif()
endif()

# For readers of files, pages and options: nothing there takes time but what they call, and -O1 compiles in two thirds of
# the time of -O3.
add_library(lowbit_cold_flags INTERFACE)
if(NOT MSVC)
  target_compile_options(lowbit_cold_flags INTERFACE $<$<CONFIG:Release>:-O1>)
endif()

# For code around the library (the command, the tests): under a sanitizer, optimizing it costs more time than it saves.
add_library(lowbit_outer_flags INTERFACE)
target_link_libraries(lowbit_outer_flags INTERFACE lowbit_build_flags)
if(LOWBIT_SANITIZE)
  # Nor are these checks made there, to compile faster: misaligned accesses, wrong dynamic types and pointers that
  # overflow go unnoticed in it, unless the address sanitizer stops at what they lead to.
  target_compile_options(lowbit_outer_flags INTERFACE -O0 -fno-sanitize=alignment,pointer-overflow,vptr)
endif()

if(LOWBIT_SANITIZE)
  add_compile_options(-fsanitize=${LOWBIT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LOWBIT_SANITIZE})
  if(LOWBIT_SANITIZE MATCHES "address")
    # To compile faster. The address sanitizer stops at most accesses that these two refuse, but not at a reference that
    # is bound to null and never read.
    add_compile_options(-fno-sanitize=null,object-size)
  endif()
endif()

if(LOWBIT_FUZZ)
  # Tells the fuzzers which branches an input takes.
  add_compile_options(-fsanitize=fuzzer-no-link
                      -fsanitize-coverage-ignorelist=${PROJECT_SOURCE_DIR}/tests/fuzz/coverage_ignorelist.txt)
endif()
