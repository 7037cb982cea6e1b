// SPDX-License-Identifier: Apache-2.0
// Writes the bits of what layers, products, quantizers and observers compute to standard output. Compiled
// with the two files that scripts/amalgamate makes it must write what it writes with the library.
#include "lowbit.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

template <class T>
void write(const std::vector<T>& values) {
  std::fwrite(values.data(), sizeof(T), values.size(), stdout);
}

/// Numbers of -1 to 1 from integers.
std::vector<float> numbers(std::size_t count, std::uint32_t seed) {
  std::vector<float> x(count);
  for (float& v : x) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<std::int32_t>(seed) >> 8) * 0x1p-23f;
  }
  return x;
}
template <class T>
std::vector<T> codes(std::size_t count, std::uint32_t seed) {
  std::vector<T> x(count);
  for (T& v : x) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<T>(seed >> 24);
  }
  return x;
}

void layers() {
  constexpr int kIn = 160, kOut = 70, kBatch = 19;
  const std::vector<float> w = numbers(kIn * kOut, 1), x = numbers(kIn * kBatch, 2);
  const lowbit::MatrixView weights(w.data(), kOut, kIn);
  for (const std::string scheme : {"int8", "int8-asym", "int4-g32-wo", "int4-wo", "int4"}) {
    const bool floats = scheme.ends_with("wo");
    const lowbit::QuantizedMatrix q = lowbit::quantize(weights, scheme);
    const lowbit::Linear fc(q,
                            {.bias = numbers(kOut, 3),
                             .activations = floats ? lowbit::weight_only() : lowbit::dynamic_activations(8)});
    std::vector<float> y(kOut * kBatch), back(w.size());
    fc.forward({x.data(), {kBatch, kIn}}, {y.data(), {kBatch, kOut}});
    lowbit::dequantize(q, lowbit::MutableMatrixView(back.data(), kOut, kIn));
    write(y);
    write(back);
  }
}

void products() {
  constexpr int kM = 37, kK = 129, kN = 45;
  const auto a = codes<std::uint8_t>(kM * kK, 4);
  const auto b = codes<std::int8_t>(kK * kN, 5);
  std::vector<std::int32_t> sums(kM * kN);
  lowbit::gemm({a.data(), kM, kK}, {b.data(), kK, kN}, {sums.data(), kM, kN}, {.a_zero_point = 7});
  write(sums);
  const lowbit::IntegerConv2dShape shape{.height = 9,
                                         .width = 11,
                                         .channels = 24,
                                         .out_channels = 20,
                                         .window = {.kernel = {3, 3}, .pad = {1, 1, 1, 1}},
                                         .out = lowbit::ElementType::i32};
  const auto pixels = codes<std::int8_t>(9 * 11 * 24, 6);
  const auto filter = codes<std::int8_t>(20 * 9 * 24, 7);
  const lowbit::IntegerConv2d conv(shape, lowbit::IntegerView(filter.data(), 20, 9 * 24));
  std::vector<std::int32_t> out(9 * 11 * 20);
  conv.forward({pixels.data(), 9 * 11, 24}, {out.data(), 9 * 11, 20});
  write(out);
}

void ranges() {
  const std::vector<float> x = numbers(20000, 8);
  for (const char* name : {"minmax", "entropy", "mse", "p99.9", "aciq"}) {
    lowbit::AnyObserver observer = lowbit::make_observer(name);
    observer.observe(x);
    const lowbit::Range range = observer.range({0, 255});
    write<float>({range.min, range.max});
  }
  for (const char* scheme : {"int4-g32-mse", "nf4-g64", "kmeans3", "ternary", "binary2", "fp8e4m3-wo"}) {
    std::vector<float> back(x.size());
    lowbit::dequantize(lowbit::quantize(lowbit::MatrixView(x.data(), 100, 200), scheme),
                       lowbit::MutableMatrixView(back.data(), 100, 200));
    write(back);
  }
}

}  // namespace

int main() {
  layers();
  products();
  ranges();
}
