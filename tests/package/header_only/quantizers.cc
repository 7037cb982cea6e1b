// SPDX-License-Identifier: Apache-2.0
// What the quantizers make of a matrix: codes, scales and tables, the values behind them, and what layers
// multiply by.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "bits.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/binary.h"
#include "lowbit/quant/block_float.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/effective.h"
#include "lowbit/quant/fake_quantize.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/ternary.h"

using header_only::write;
using header_only::write_counted;
using header_only::write_refusal;

namespace {

constexpr std::int64_t kRows = 19, kCols = 100;  // more rows than are read at a time; a short last group

struct Matrices {
  std::vector<float> weights, importance;

  lowbit::MatrixView view() const { return {weights.data(), kRows, kCols}; }
  lowbit::MatrixView columns_first() const { return {weights.data(), kCols, kRows, 1, kCols}; }
  lowbit::MatrixView importances() const { return {importance.data(), kRows, kCols}; }
};

// Sums of numbers, so that values are dense around zero; a few far out, a row of zeros, one of tiny values,
// one of huge ones, and what is not finite.
Matrices matrices() {
  Matrices m;
  std::uint32_t state = 7;
  const auto next = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(static_cast<std::int32_t>(state) >> 8) * 0x1p-23f;
  };
  for (std::int64_t i = 0; i < kRows * kCols; ++i) {
    float x = next();
    for (int k = 0; k < 3; ++k) x += next();
    const std::int64_t row = i / kCols;
    if (i % 97 == 0) x *= 9.7f;
    if (row == 3) x = 0;
    if (row == 4) x *= 0x1p-128f;
    if (row == 5) x *= 0x1p100f;
    m.weights.push_back(x);
    m.importance.push_back(row == 6 ? 0.0f : next() + 0.9f);
  }
  m.weights[7 * kCols + 11] = std::numeric_limits<float>::infinity();
  m.weights[7 * kCols + 12] = std::numeric_limits<float>::quiet_NaN();
  m.weights[8 * kCols] = -std::numeric_limits<float>::infinity();
  return m;
}

void write_matrix(const lowbit::QuantizedMatrix& q) {
  std::printf("%d %d %a %zu ", static_cast<int>(q.format), q.bits, q.bits_per_weight(), q.stored_bytes());
  write_counted(q.codes);
  write_counted(q.scales);
  write_counted(q.zero_points);
  write_counted(q.offsets);
  write_counted(q.levels);
  std::vector<float> back(static_cast<std::size_t>(q.rows * q.cols));
  dequantize(q, lowbit::MutableMatrixView(back.data(), q.rows, q.cols));
  write(back);
  for (const lowbit::kernels::ActType act : {lowbit::kernels::ActType::u8, lowbit::kernels::ActType::f32})
    write_refusal([&] {
      const lowbit::QuantizedMatrix effective = lowbit::effective_weights(q, act);
      write_counted(effective.levels);
      const lowbit::EffectiveWeights weights(q, act);
      write_counted(weights.matrix().codes);
      write_counted(weights.matrix().levels);
      write_counted(weights.levels());
      write_counted(weights.units());
    });
  write_refusal([&] { q.validate(); });
}

void write_all(const Matrices& m, const lowbit::AnyQuantizer& quantizer) {
  write_refusal([&] { write_matrix(lowbit::quantize(m.view(), quantizer)); });
  write_refusal([&] { write_matrix(lowbit::quantize(m.view(), quantizer, m.importances())); });
  write_refusal([&] { write_matrix(lowbit::quantize(m.columns_first(), quantizer)); });
  write_refusal([&] {
    std::vector<float> out(m.weights.size());
    std::vector<std::uint8_t> mask(m.weights.size());
    lowbit::fake_quantize(m.view(), quantizer, lowbit::MutableMatrixView(out.data(), kRows, kCols), mask);
    write(out);
    write(mask);
  });
}

constexpr lowbit::Granularity kGranularities[] = {lowbit::per_tensor(), lowbit::per_channel(),
                                                  lowbit::per_group(32)};

template <int Bits>
void write_affine(const Matrices& m) {
  using enum lowbit::Mapping;
  using enum lowbit::Clip;
  for (const lowbit::Granularity g : kGranularities)
    for (const lowbit::Mapping mapping : {symmetric, asymmetric, asymmetric_real})
      for (const lowbit::Clip clip : {minmax, mse, aciq, percentile})
        write_all(
            m, lowbit::Affine<Bits>{.granularity = g, .mapping = mapping, .clip = clip, .percentile = 97.3f});
  for (const lowbit::Rounding rounding : {lowbit::Rounding::half_away, lowbit::Rounding::stochastic})
    write_all(m,
              lowbit::Affine<Bits>{.mapping = asymmetric, .narrow = false, .rounding = rounding, .seed = 5});
}

template <int Bits>
void write_tables(const Matrices& m) {
  for (const lowbit::Granularity g : kGranularities) {
    for (const bool exact : {true, false}) write_all(m, lowbit::KMeans<Bits>{g, exact});
    write_all(m, lowbit::Quantile<Bits>{g});
    write_all(m, lowbit::Log2<Bits>{g});
    write_all(m, lowbit::Apot<Bits>{g});
  }
}

void write_other_tables(const Matrices& m) {
  using enum lowbit::MiniFloat;
  for (const lowbit::Granularity g : kGranularities) {
    for (const bool twice : {false, true}) {
      write_all(m, lowbit::Nf4{g, twice});
      write_all(m, lowbit::Fp4{g, twice});
    }
    write_all(m, lowbit::LogSqrt2{g});
    write_all(m, lowbit::Codebook{{-1.0f, 0.3f, 0.7f, -0.2f, 0.0f}, g});
    for (const lowbit::MiniFloat element : {fp8_e4m3fn, fp8_e5m2, fp6_e2m3, fp4_e2m1})
      write_all(m, lowbit::Fp8{element, g});
  }
  for (const lowbit::MiniFloat element :
       {fp8_e4m3fn, fp8_e5m2, fp6_e2m3, fp6_e3m2, fp4_e2m1, e8m0, fp8_e4m3fnuz})
    write_all(m, lowbit::MxFp{element});
  write_all(m, lowbit::MxInt8{});
  write_all(m, lowbit::NvFp4{});
  write_refusal([&] { write_all(m, lowbit::Codebook{{1.0f}}); });
}

void write_signs(const Matrices& m) {
  for (const lowbit::Granularity g : kGranularities) {
    for (int planes = 1; planes <= 5; ++planes) write_all(m, lowbit::Binary{g, planes});
    for (const bool exact : {false, true}) write_all(m, lowbit::Twn{g, exact});
    write_all(m, lowbit::AbsMean{g});
    write_all(m, lowbit::Ttq{g});
  }
}

void write_given_codes() {
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
  for (int i = 0; i < 8 * 12; ++i) codes.push_back(static_cast<std::uint8_t>(i * 7 % 16));
  for (int i = 0; i < 16; ++i) scales.push_back(i == 3 ? 0.0f : 0.013f * static_cast<float>(i - 5));
  const lowbit::CodesView view(codes.data(), 8, 12);
  const lowbit::Granularity groups = lowbit::per_group(8);
  write_refusal([&] { write_matrix(matrix_from_codes(lowbit::AffineCodes{view, 4, groups, scales})); });
  write_refusal([&] { write_matrix(matrix_from_codes(lowbit::AffineCodes{view, 3, groups, scales})); });
  write_refusal([&] {
    write_matrix(matrix_from_codes(lowbit::SignCodes{view, 2, lowbit::per_tensor(), {}}));
  });
}

}  // namespace

int main() {
  const Matrices m = matrices();
  write_affine<2>(m);
  write_affine<4>(m);
  write_affine<8>(m);
  write_tables<3>(m);
  write_tables<4>(m);
  write_other_tables(m);
  write_signs(m);
  write_given_codes();
  write_refusal([&] { lowbit::quantize(lowbit::MatrixView(m.weights.data(), 0, 3), lowbit::Affine<8>{}); });
  return 0;
}
