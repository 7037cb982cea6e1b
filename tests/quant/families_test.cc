// SPDX-License-Identifier: Apache-2.0
// What holds for every quantizer of the grammar, and for one of a user's own.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/quant/block_float.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/effective.h"
#include "lowbit/quant/error.h"
#include "lowbit/quant/fake_quantize.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantized_matrix.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit {
namespace {

std::vector<float> gaussian(std::size_t count, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<float> v(count);
  for (auto& x : v) x = random.gaussian();
  return v;
}

std::vector<float> decoded(const QuantizedMatrix& q) {
  std::vector<float> out(static_cast<std::size_t>(q.rows * q.cols));
  dequantize(q, MutableMatrixView(out.data(), q.rows, q.cols));
  return out;
}

// In one test, not one for each scheme: an emulator takes longer to start than a scheme to check.
template <class F>
void for_every_family(const F& f) {
  for (const Scheme& s : known_schemes()) {
    if (s.is_fp32()) continue;
    SCOPED_TRACE(format_scheme(s));
    f(make_quantizer(s));
  }
}

void expect_good_matrix(const AnyQuantizer& quantizer) {
  const std::int64_t rows = 5, cols = 203;
  const std::vector<float> w = gaussian(static_cast<std::size_t>(rows * cols), 1);
  const QuantizedMatrix q = quantize(MatrixView(w.data(), rows, cols), quantizer);
  EXPECT_NO_THROW(q.validate());
  const ErrorMeasure e =
      measure_error(MatrixView(w.data(), rows, cols), MatrixView(decoded(q).data(), rows, cols));
  // Half of what the best quantizer of as many bits reaches on Gaussian values (6 dB a bit), in decibels.
  EXPECT_GT(e.sqnr_db, std::min(3.0 * quantizer.code_bits() - 4.5, 18.0));
  EXPECT_LE(q.bits_per_weight(), 8.0 + 32 * 256 / 203.0 + 1);
}

void expect_same_for_every_layout(const AnyQuantizer& quantizer) {
  const std::int64_t rows = 6, cols = 72;
  const std::vector<float> w = gaussian(static_cast<std::size_t>(rows * cols), 2);
  std::vector<float> transposed(w.size()), strided(3 * w.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) {
      const float x = w[static_cast<std::size_t>(r * cols + c)];
      transposed[static_cast<std::size_t>(c * rows + r)] = x;
      strided[static_cast<std::size_t>(r * 3 * cols + 2 * c)] = x;
    }
  const QuantizedMatrix a = quantize(MatrixView(w.data(), rows, cols), quantizer),
                        b = quantize(MatrixView(transposed.data(), rows, cols, 1, rows), quantizer),
                        c = quantize(MatrixView(strided.data(), rows, cols, 3 * cols, 2), quantizer);
  for (const QuantizedMatrix* other : {&b, &c}) {
    EXPECT_EQ(a.codes, other->codes);
    EXPECT_EQ(a.scales, other->scales);
    EXPECT_EQ(a.levels, other->levels);
  }
}

void expect_finite_weights_of_odd_inputs(const AnyQuantizer& quantizer) {
  constexpr float kTiny = 1e-42f;
  const std::vector<std::vector<float>> inputs = {
      std::vector<float>(64, 0.0f),
      std::vector<float>(64, 1.5f),
      std::vector<float>(64, -2.0f),
      std::vector<float>(64, kTiny),
      std::vector<float>(64, 3e38f),
      std::vector<float>(64, std::nanf("")),
      {1.0f},
      {kInf, -kInf, std::nanf(""), 1.0f, -0.5f, 0.25f, 0.0f, -0.0f},
      {1e30f, 1e-30f, -1e-30f, 1.0f},
  };
  for (const auto& w : inputs) {
    const MatrixView view(w.data(), 1, static_cast<std::int64_t>(w.size()));
    const QuantizedMatrix q = quantize(view, quantizer);
    EXPECT_NO_THROW(q.validate());
    for (const float x : decoded(q)) EXPECT_TRUE(std::isfinite(x)) << "of " << w[0];
  }
  EXPECT_THROW(quantize(MatrixView(nullptr, 0, 0), quantizer), Error);
}

// A group of what a matrix represents, and its codes: values that are representable keep their codes, if the
// groups are fitted as before.
void expect_kept_codes(const AnyQuantizer& quantizer) {
  const std::int64_t rows = 3, cols = 96;
  const std::vector<float> w = gaussian(static_cast<std::size_t>(rows * cols), 3);
  const QuantizedMatrix q = quantize(MatrixView(w.data(), rows, cols), quantizer);
  const std::vector<float> x = decoded(q);
  const AnyQuantizer bound = quantizer.bind(MatrixView(w.data(), rows, cols), {});
  std::size_t next = 0;
  std::vector<AnyGroup> groups;
  const std::int64_t size = q.groups() > 1 ? q.granularity.group_size : cols;
  if (q.granularity.kind == Granularity::Kind::tensor) {
    groups.push_back(bound.fit(w, {}));
  } else {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; c += size)
        groups.push_back(bound.fit(std::span(w).subspan(static_cast<std::size_t>(r * cols + c),
                                                        static_cast<std::size_t>(std::min(size, cols - c))),
                                   {}));
  }
  struct Replay {
    Granularity granularity;
    int bits;
    const std::vector<AnyGroup>* groups;
    std::size_t* next;
    std::vector<float> table;
    double kept_scale_bits;
    int code_bits() const { return bits; }
    const std::vector<float>& levels() const { return table; }
    double scale_bits() const { return kept_scale_bits; }
    AnyGroup fit(std::span<const float>, std::span<const float>) const { return (*groups)[(*next)++]; }
  };
  const Replay replay{bound.granularity, bound.code_bits(), &groups, &next,
                      bound.levels(),    bound.scale_bits()};
  const QuantizedMatrix again = quantize(MatrixView(x.data(), rows, cols), AnyQuantizer(replay));
  EXPECT_EQ(decoded(again), x);
}

// A quantizer without its fit_range: groups are fitted and coded one by one.
struct ByValues {
  AnyQuantizer inner;
  Granularity granularity = inner.granularity;
  int code_bits() const { return inner.code_bits(); }
  const std::vector<float>& levels() const { return inner.levels(); }
  double scale_bits() const { return inner.scale_bits(); }
  AnyGroup fit(std::span<const float> v, std::span<const float> i) const { return inner.fit(v, i); }
};
struct MiniFloatByValues : ByValues {
  MiniFloat minifloat() const { return *inner.minifloat(); }
};

void expect_same_by_ranges(const AnyQuantizer& quantizer) {
  for (const std::int64_t cols : {1, 16, 40, 64, 203}) {
    const std::int64_t rows = 4;
    std::vector<float> w = gaussian(static_cast<std::size_t>(rows * cols), 4);
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (i % 61 == 60) w[i] = std::nanf("");
      if (i % 71 == 70) w[i] = -std::numeric_limits<float>::infinity();
      if (i / 32 % 5 == 4) w[i] *= 1e-42f;                  // whole groups of subnormals
      if (i / 32 % 7 == 6) w[i] = std::fabs(w[i]) * 1e20f;  // and of large values with one sign
    }
    const MatrixView view(w.data(), rows, cols);
    const AnyQuantizer bound = quantizer.bind(view, {});
    std::vector<Range> range(1);
    RangeFits fits;
    if (!bound.fit_ranges(range, fits)) return;
    const AnyQuantizer slow =
        bound.minifloat() ? AnyQuantizer(MiniFloatByValues{{bound}}) : AnyQuantizer(ByValues{bound});
    ASSERT_FALSE(slow.fit_ranges(range, fits));
    const QuantizedMatrix a = quantize(view, bound), b = quantize(view, slow);
    EXPECT_EQ(a.codes, b.codes);
    EXPECT_EQ(a.scales, b.scales);
    EXPECT_EQ(a.zero_points, b.zero_points);
    EXPECT_EQ(a.offsets, b.offsets);
    EXPECT_EQ(a.levels, b.levels);
    EXPECT_EQ(a.bits_per_weight(), b.bits_per_weight());
    // The mask of fake quantization goes by the ranges of the groups.
    std::vector<float> x(w.size()), y(w.size());
    std::vector<std::uint8_t> x_mask(w.size()), y_mask(w.size());
    fake_quantize(view, bound, MutableMatrixView(x.data(), rows, cols), x_mask);
    fake_quantize(view, slow, MutableMatrixView(y.data(), rows, cols), y_mask);
    EXPECT_EQ(x, y);
    EXPECT_EQ(x_mask, y_mask);
  }
}

TEST(EveryFamily, GroupsFittedByTheirRangesAreTheSame) {
  for_every_family(expect_same_by_ranges);
  std::vector<Range> range(1);
  RangeFits fits;
  for (const char* name :
       {"int8", "int4-g32-asym", "int3-g16-asymf-wo", "mxfp6", "nvfp4", "nf4-g64", "apot4", "fp8e5m2-wo"})
    EXPECT_TRUE(make_quantizer(name).fit_ranges(range, fits)) << name;
  for (const char* name : {"int4-mse", "int4-aciq", "kmeans4", "ternary"})
    EXPECT_FALSE(make_quantizer(name).fit_ranges(range, fits)) << name;
}

TEST(EveryFamily, MatrixIsValidAndAsGoodAsItsBits) {
  for_every_family(expect_good_matrix);
}
TEST(EveryFamily, LayoutOfTheInputDoesNotMatter) {
  for_every_family(expect_same_for_every_layout);
}
TEST(EveryFamily, OddInputsGiveFiniteWeights) {
  for_every_family(expect_finite_weights_of_odd_inputs);
}
TEST(EveryFamily, DequantizedWeightsKeepTheirCodes) {
  for_every_family(expect_kept_codes);
}

struct SignedSquares {
  Granularity granularity = per_channel();
  int code_bits() const { return 4; }
  std::vector<float> levels() const {
    std::vector<float> l;
    for (int i = -7; i <= 7; ++i) l.push_back(static_cast<float>(i * std::abs(i)) / 49.0f);
    return l;
  }
  ScaleGroup fit(std::span<const float> values, std::span<const float>) const {
    float largest = 0x1p-20f;
    for (const float v : values) largest = std::max(largest, std::fabs(v));
    return {largest};
  }
};

TEST(OwnQuantizer, OfSignedSquaresBecomesATable) {
  const std::vector<float> w = gaussian(400, 4);
  const MatrixView view(w.data(), 4, 100);
  const QuantizedMatrix q = quantize(view, SignedSquares{});
  EXPECT_EQ(q.format, WeightFormat::lut4);
  EXPECT_FALSE(q.levels_per_row());
  EXPECT_GT(measure_error(view, MatrixView(decoded(q).data(), 4, 100)).sqnr_db, 15);
  // 49 times the levels are integers: nothing is lost with integer kernels.
  const QuantizedMatrix integer = effective_weights(q, kernels::ActType::u8);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(integer.levels[i], q.levels[i], 1e-6) << i;
}

TEST(Codebook, LevelsInAnyOrder) {
  const std::vector<float> w = {1.0f, -1.0f, 0.4f, 0.1f};
  const QuantizedMatrix q = quantize(MatrixView(w.data(), 1, 4), Codebook{{0.5f, -1.0f, 0.0f, 1.0f}});
  EXPECT_EQ(q.format, WeightFormat::lut4);
  EXPECT_EQ(q.code(0, 0), 3);
  EXPECT_EQ(q.code(0, 1), 1);
  EXPECT_EQ(q.code(0, 2), 0);
  EXPECT_EQ(q.code(0, 3), 2);
  EXPECT_THROW(quantize(MatrixView(w.data(), 1, 4), Codebook{{1.0f}}), Error);
  EXPECT_NO_THROW(quantize(MatrixView(w.data(), 1, 4), Codebook{{1.0f, -1.0f}}).validate());
}

// What a user's own quantizer may get wrong is said, not done.
TEST(OwnQuantizer, IsCheckedOnceBound) {
  const std::vector<float> w = gaussian(64, 8);
  const MatrixView view(w.data(), 2, 32);
  struct BadBind {
    Granularity granularity = per_channel();
    int code_bits() const { return 4; }
    AffineGroup fit(std::span<const float>, std::span<const float>) const { return {1.0f, 0, -7, 7}; }
    AnyQuantizer bind(const MatrixView&, const MatrixView&) const { return Wide{}; }
    struct Wide {
      Granularity granularity = per_channel();
      int code_bits() const { return 9; }
      LutGroup fit(std::span<const float>, std::span<const float>) const {
        return {1.0f, std::vector<float>(512, 1.0f)};
      }
    };
  };
  EXPECT_THROW(quantize(view, BadBind{}), Error);
  struct WrongTable {
    Granularity granularity = per_channel();
    int code_bits() const { return 4; }
    MiniFloat minifloat() const { return MiniFloat::fp4_e2m1; }
    std::vector<float> levels() const { return {0.0f, 1.0f}; }
    ScaleGroup fit(std::span<const float>, std::span<const float>) const { return {1.0f}; }
  };
  EXPECT_THROW(quantize(view, WrongTable{}), Error);
  EXPECT_THROW(quantize(view, Fp8{MiniFloat::e8m0}), Error);
  EXPECT_THROW(quantize(view, Fp8{MiniFloat::fp8_e4m3fnuz}), Error);
  EXPECT_THROW(quantize(view, MxFp{MiniFloat::fp8_e5m2fnuz}), Error);
  Scheme odd = "log4";
  odd.bits = 5;
  EXPECT_THROW(make_quantizer(odd), Error);
  EXPECT_NO_THROW(make_quantizer("mxfp4-g32"));
}

TEST(Nf4, DoubleQuantizationStoresScalesInEightBits) {
  const std::vector<float> w = gaussian(64 * 64, 5);
  const MatrixView view(w.data(), 16, 256);
  const QuantizedMatrix plain = quantize(view, Nf4{per_group(64)}),
                        twice = quantize(view, Nf4{per_group(64), true});
  EXPECT_NEAR(plain.bits_per_weight() - twice.bits_per_weight(), 8.0 / 64, 1e-9);
  const double a = measure_error(view, MatrixView(decoded(plain).data(), 16, 256)).sqnr_db,
               b = measure_error(view, MatrixView(decoded(twice).data(), 16, 256)).sqnr_db;
  EXPECT_NEAR(a, b, 0.05);
  EXPECT_NE(plain.scales, twice.scales);
}

TEST(MxFp, ScalesArePowersOfTwoAndCodesThoseOfTheFormat) {
  const std::vector<float> w = gaussian(320, 6);
  const QuantizedMatrix q = quantize(MatrixView(w.data(), 2, 160), MxFp{MiniFloat::fp4_e2m1});
  EXPECT_EQ(q.scale_bits, 8);
  for (std::int64_t r = 0; r < 2; ++r)
    for (std::int64_t g = 0; g < 5; ++g) {
      float largest = 0;
      for (std::int64_t c = 32 * g; c < 32 * (g + 1); ++c)
        largest = std::max(largest, std::fabs(w[static_cast<std::size_t>(r * 160 + c)]));
      const float scale = q.scales[static_cast<std::size_t>(r * 5 + g)];
      EXPECT_EQ(scale, std::exp2(std::floor(std::log2(largest)) - 2));
      for (std::int64_t c = 32 * g; c < 32 * (g + 1); ++c)
        EXPECT_EQ(q.code(r, c),
                  minifloat::encode(MiniFloat::fp4_e2m1, w[static_cast<std::size_t>(r * 160 + c)] / scale));
    }
}

TEST(NvFp4, ScalesAreFp8TimesOneFloat) {
  const std::vector<float> w = gaussian(320, 7);
  const MatrixView view(w.data(), 2, 160);
  const QuantizedMatrix q = quantize(view, NvFp4{});
  float largest = 0;
  for (const float x : w) largest = std::max(largest, std::fabs(x));
  const float matrix_scale = largest / (448.0f * 6.0f);
  for (const float s : q.scales) {
    const float code = s / matrix_scale;
    EXPECT_NEAR(minifloat::decode(MiniFloat::fp8_e4m3fn, minifloat::encode(MiniFloat::fp8_e4m3fn, code)),
                code, 1e-5 * code);
  }
  EXPECT_NEAR(q.bits_per_weight(), 4 + 0.5 + 16 * 32 / 320.0, 1e-9);
}

}  // namespace
}  // namespace lowbit
