// SPDX-License-Identifier: Apache-2.0
// Text of schemes: what is a scheme is one again when it is written.
#include <cstdlib>

#include "fuzz.h"
#include "lowbit/core/scheme.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  const Scheme scheme = parse_scheme(text_of(input));
  if (!(parse_scheme(format_scheme(scheme)) == scheme)) std::abort();
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const char* text :
       {"fp32", "int8", "int8-dynamic", "int8-asym-dynamic", "int4-g32-wo", "int8-a4", "kmeans4-wo",
        "nf4-g64-wo", "ternary", "binary-a1", "mxfp4-wo", "e4m3-wo", "int2-g16-asym-wo"})
    all.push_back(bytes_of(text));
  return all;
}

}  // namespace lowbit::fuzz
