# SPDX-License-Identifier: Apache-2.0
# lowbit_embed(TARGET FILE SYMBOL HEADER): a static library TARGET that holds FILE as bytes, written to a .cc at build
# time, so that a program needs no file at run time. SYMBOL is a function `std::span<const std::byte> SYMBOL()` in
# namespace lowbit::data that HEADER (as it is included) declares.
# Run as a script (cmake -DINPUT= -DOUTPUT= -DSYMBOL= -DHEADER= -P), this file writes the .cc itself.

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${INPUT} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  # Five bytes a line: compilers limit the length of a line.
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  get_filename_component(name ${INPUT} NAME)
  file(WRITE ${OUTPUT} "// Generated from ${name} by cmake/lowbit_embed.cmake.
#include \"${HEADER}\"

namespace {
alignas(16) constexpr unsigned char kBytes[] = {
${bytes}};
}  // namespace

std::span<const std::byte> lowbit::data::${SYMBOL}() { return std::as_bytes(std::span(kBytes)); }
")
  return()
endif()

set(LOWBIT_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(lowbit_embed target file symbol header)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}.cc)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${source} -DSYMBOL=${symbol} -DHEADER=${header}
            -P ${LOWBIT_EMBED_SCRIPT}
    DEPENDS ${file} ${LOWBIT_EMBED_SCRIPT} VERBATIM)
  add_library(${target} STATIC ${source})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE lowbit_build_flags)
endfunction()
