// SPDX-License-Identifier: Apache-2.0
// Which schemes there are, what is meant by text that is none, and the quantizers that schemes name.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "bits.h"
#include "lowbit/core/scheme.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantized_matrix.h"

using header_only::write;
using header_only::write_counted;
using header_only::write_refusal;

namespace {

// What parses, how it is printed and whether it is built; the sentences of what does not.
void write_text(const std::string& text) {
  write_refusal([&] {
    const lowbit::Scheme scheme(text);
    std::printf("%s %d %a '%s' ", format_scheme(scheme).c_str(), scheme.bits, double(scheme.percentile),
                why_not_built(scheme).c_str());
  });
}

void write_texts() {
  for (const char* text : {"q4_0", "int4_g32", "w4a8", "w3a16", "int9", "", "nf4-g64-g32", "kmeans",
                           "INT8-Asym", "int8-p99.95", "int4-p49", "binary-g32", "log4-mse", "a",
                           "ternary-groupsize128", "fp32-wo", "mxfp4-g16", "int8-wo-dynamic"})
    write_text(text);
  // One letter away from what there is.
  for (const lowbit::Scheme& scheme : lowbit::known_schemes()) {
    const std::string name = format_scheme(scheme);
    write_text(name);
    write_text(name + "x");
    write_text(name.substr(1));
    if (name.size() > 4) write_text(name.substr(0, 3) + "_" + name.substr(4));
  }
}

void write_quantizers() {
  constexpr std::int64_t kRows = 5, kCols = 96;
  std::vector<float> weights;
  for (std::uint32_t i = 0, state = 3; i < kRows * kCols; ++i) {
    state = state * 1664525u + 1013904223u;
    const auto x = static_cast<float>(static_cast<std::int32_t>(state) >> 8);
    weights.push_back(x * (x > 0 ? 0x1p-23f : 0.7e-7f));
  }
  const lowbit::MatrixView view(weights.data(), kRows, kCols);
  for (const std::vector<lowbit::Scheme>& schemes : {lowbit::known_schemes(), lowbit::family_schemes()})
    for (const lowbit::Scheme& scheme : schemes)
      write_refusal([&] {
        std::printf("%s ", format_scheme(scheme).c_str());
        const lowbit::QuantizedMatrix q = lowbit::quantize(view, lowbit::make_quantizer(scheme));
        write_counted(q.codes);
        write_counted(q.scales);
        write_counted(q.zero_points);
        write_counted(q.offsets);
        write_counted(q.levels);
        std::vector<float> back(weights.size());
        lowbit::dequantize(q, lowbit::MutableMatrixView(back.data(), kRows, kCols));
        write(back);
      });
}

}  // namespace

int main() {
  write_texts();
  write_quantizers();
  return 0;
}
