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

if(LOWBIT_SANITIZE)
  add_compile_options(-fsanitize=${LOWBIT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LOWBIT_SANITIZE})
endif()
