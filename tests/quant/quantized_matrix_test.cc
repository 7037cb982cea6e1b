// SPDX-License-Identifier: Apache-2.0
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/make_quantizer.h"

#include <gtest/gtest.h>

#include <Eigen/Core>
#include <cmath>
#include <cstring>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/detail/storage.h"
#include "support/random.h"

namespace lowbit {
namespace {

std::vector<float> random_values(std::int64_t n, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (auto& x : v) x = random.gaussian() + 0.3f;
  return v;
}

// What quantize() means, element by element: fit, round the group's scale to fp16, round the value, clamp.
void expect_matches_reference(const MatrixView& w, const AnyQuantizer& quantizer, const QuantizedMatrix& q) {
  const bool tensor = quantizer.granularity.kind == Granularity::Kind::tensor;
  const bool grouped = quantizer.granularity.kind == Granularity::Kind::group;
  std::vector<float> all;
  for (std::int64_t r = 0; r < w.rows; ++r)
    for (std::int64_t c = 0; c < w.cols; ++c) all.push_back(w(r, c));
  const std::int64_t size = grouped ? quantizer.granularity.group_size : w.cols;
  const std::int32_t middle = detail::storage_of(q.format).middle;
  for (std::int64_t r = 0; r < w.rows; ++r)
    for (std::int64_t c = 0; c < w.cols; ++c) {
      const std::int64_t group = c / size, begin = r * w.cols + group * size;
      const auto count = static_cast<std::size_t>(std::min(size, w.cols - group * size));
      const auto values = std::span<const float>(all);
      const auto g = std::get<AffineGroup>(
          quantizer.fit(tensor ? values : values.subspan(static_cast<std::size_t>(begin), count), {}));
      const float scale = grouped && g.scale >= 0x1p-14f ? static_cast<float>(Eigen::half(g.scale)) : g.scale;
      const float x = w(r, c), scaled = x * (1.0f / scale);
      const double step = std::isnan(x) ? 0 : std::nearbyint(double(scaled));
      const double code = std::min<double>(g.qmax, std::max<double>(g.qmin, step + g.zero_point));
      const auto entry = static_cast<std::size_t>(r * q.groups() + group);
      const std::int32_t zero = q.zero_points.empty() ? middle : q.zero_points[entry];
      ASSERT_EQ(q.scales[entry], scale);
      ASSERT_EQ(q.code(r, c) - zero, code - g.zero_point) << r << " " << c;
    }
}

TEST(QuantizedMatrix, MatchesTheReferenceForEverySchemeAndShape) {
  for (int bits = 2; bits <= 8; ++bits)
    for (const char* tokens :
         {"", "-asym", "-tensor", "-tensor-asym", "-g4", "-g32-asym", "-g32-mse", "-asym-mse"})
      for (const auto& [rows, cols] : {std::pair{1, 1}, {3, 31}, {17, 33}, {5, 96}}) {
        const auto values = random_values(rows * cols, std::uint64_t(bits * rows + cols));
        const MatrixView w(values.data(), rows, cols);
        const AnyQuantizer quantizer = make_quantizer("int" + std::to_string(bits) + tokens);
        const QuantizedMatrix q = quantize(w, quantizer);
        ASSERT_NO_THROW(q.validate());
        ASSERT_EQ(q.bits, bits);
        ASSERT_EQ(q.format, bits > 4 ? WeightFormat::s8 : bits > 2 ? WeightFormat::u4 : WeightFormat::s2);
        ASSERT_NO_FATAL_FAILURE(expect_matches_reference(w, quantizer, q)) << bits << tokens;
      }
}

TEST(QuantizedMatrix, StridesDoNotMatter) {
  const std::int64_t rows = 21, cols = 37;
  const auto values = random_values(rows * cols, 3);
  std::vector<float> column_major(values.size()), block(4000);
  const MatrixView w(values.data(), rows, cols), t(column_major.data(), rows, cols, 1, rows),
      b(block.data() + 7, rows, cols, 90, 2);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c)
      column_major[std::size_t(c * rows + r)] = block[std::size_t(7 + r * 90 + c * 2)] = w(r, c);
  for (const char* scheme : {"int8", "int8-tensor-asym", "int4-g8-asym", "int2", "int3-mse"}) {
    const auto q = quantize(w, make_quantizer(scheme));
    for (const MatrixView& view : {t, b}) {
      const auto other = quantize(view, make_quantizer(scheme), view);
      const auto same = quantize(view, make_quantizer(scheme));
      EXPECT_EQ(same.codes, q.codes);
      EXPECT_EQ(same.scales, q.scales);
      EXPECT_EQ(same.zero_points, q.zero_points);
      EXPECT_EQ(other.codes, quantize(w, make_quantizer(scheme), w).codes);
    }
    std::vector<float> rowwise(values.size()), colwise(values.size());
    dequantize(q, {rowwise.data(), rows, cols});
    dequantize(q, {colwise.data(), rows, cols, 1, rows});
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; ++c)
        ASSERT_EQ(rowwise[std::size_t(r * cols + c)], colwise[std::size_t(c * rows + r)]);
  }
}

// A quantizer of the user's own: scales are powers of two.
struct PowerOfTwoScale {
  Granularity granularity = per_group(8);
  int code_bits() const { return 4; }
  AffineGroup fit(std::span<const float> values, std::span<const float>) const {
    float largest = 0x1p-20f;
    for (const float v : values) largest = std::max(largest, std::fabs(v));
    return {std::exp2(std::ceil(std::log2(largest / 7))), 0, -8, 7};
  }
};

TEST(QuantizedMatrix, TakesEigenMatricesAndUsersQuantizers) {
  Eigen::MatrixXf w(6, 40);
  const auto values = random_values(w.size(), 4);
  std::memcpy(w.data(), values.data(), values.size() * sizeof(float));
  const auto q = quantize(
      w, Affine<4>{.granularity = per_group(32), .mapping = Mapping::asymmetric, .clip = Clip::minmax});
  EXPECT_EQ(q.groups(), 2);
  expect_matches_reference(w, make_quantizer("int4-g32-asym"), q);
  const auto part = quantize(w.block(1, 2, 3, 8), PowerOfTwoScale{});
  EXPECT_NO_THROW(part.validate());
  for (const float s : part.scales) EXPECT_EQ(std::exp2(std::round(std::log2(s))), s);
  Eigen::MatrixXf back(3, 8);
  dequantize(part, back);
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 8; ++c) EXPECT_NEAR(back(r, c), w(r + 1, c + 2), part.scales[std::size_t(r)] / 2);
}

TEST(QuantizedMatrix, DequantizedValuesQuantizeToTheSameCodes) {
  for (int bits = 2; bits <= 8; ++bits)
    for (const char* tokens : {"", "-asym"}) {
      const auto values = random_values(8 * 1024, std::uint64_t(bits));
      const auto q =
          quantize(MatrixView(values.data(), 8, 1024), make_quantizer("int" + std::to_string(bits) + tokens));
      // The same parameters again, whatever the values are.
      struct Fixed {
        AffineGroup group;
        int bits;
        Granularity granularity = per_channel();
        int code_bits() const { return bits; }
        AffineGroup fit(std::span<const float>, std::span<const float>) const { return group; }
      };
      const bool is_signed = tokens[0] == 0;
      std::vector<float> back(values.size());
      dequantize(q, {back.data(), 8, 1024});
      for (std::int64_t r = 0; r < 8; ++r) {
        AffineGroup g = Affine<8>{.mapping = is_signed ? Mapping::symmetric : Mapping::asymmetric}.fit({});
        g.qmin = is_signed ? -(1 << (bits - 1)) + 1 : 0;
        g.qmax = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
        g.scale = q.scales[std::size_t(r)];
        const int lift = is_signed || bits <= 4 ? 0 : 1 << (bits - 1);
        g.zero_point = is_signed ? 0
                                 : (q.zero_points.empty() ? detail::storage_of(q.format).middle
                                                          : q.zero_points[std::size_t(r)]) +
                                       lift;
        const auto again = quantize(MatrixView(back.data() + r * 1024, 1, 1024), Fixed{g, bits});
        for (std::int64_t c = 0; c < 1024; ++c) ASSERT_EQ(again.code(0, c), q.code(r, c)) << bits << tokens;
      }
    }
}

TEST(QuantizedMatrix, NonFiniteWeightsBecomeZeroOrTheEnds) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> w = {1, -1, NAN, inf, -inf};
  std::vector<float> back(5);
  for (const char* scheme : {"int8", "int8-asym", "int4-g4", "int2"}) {
    const auto q = quantize(MatrixView(w.data(), 1, 5), make_quantizer(scheme));
    dequantize(q, {back.data(), 1, 5});
    EXPECT_EQ(back[2], 0) << scheme;
    if (q.groups() > 1) continue;  // the last group has nothing finite
    EXPECT_NEAR(back[3], 1, 0.01) << scheme;
    EXPECT_NEAR(back[4], -1, 0.01) << scheme;
  }
}

TEST(QuantizedMatrix, CountsBits) {
  const auto values = random_values(64 * 128, 5);
  const MatrixView w(values.data(), 64, 128);
  const auto bits = [&](const char* s) { return quantize(w, make_quantizer(s)).bits_per_weight(); };
  EXPECT_DOUBLE_EQ(bits("int4-g32"), 4.5);
  EXPECT_DOUBLE_EQ(bits("int4-g32-asym"), 4.625);
  EXPECT_DOUBLE_EQ(bits("int8"), 8 + 32.0 / 128);
  EXPECT_DOUBLE_EQ(bits("int8-asym"), 8 + 40.0 / 128);
  EXPECT_DOUBLE_EQ(bits("int8-tensor"), 8 + 32.0 / (64 * 128));
  EXPECT_DOUBLE_EQ(bits("int2"), 2 + 32.0 / 128);
  EXPECT_EQ(quantize(w, make_quantizer("int4-g32")).stored_bytes(), 64u * 128 * 9 / 16);
  // Too small for fp16: the scales stay floats.
  std::vector<float> tiny(values);
  for (float& v : tiny) v *= 1e-6f;
  EXPECT_DOUBLE_EQ(quantize(MatrixView(tiny.data(), 64, 128), make_quantizer("int4-g32")).bits_per_weight(),
                   5);
}

TEST(QuantizedMatrix, HalfRoundingIsThatOfEigen) {
  testing::Random random(6);
  for (int i = 0; i < 100000; ++i) {
    const float s = std::ldexp(1.5f + random.uniform() / 2, static_cast<int>(random.integer(-14, 15)));
    if (s >= 65504) continue;
    ASSERT_EQ(detail::to_half(s), static_cast<float>(Eigen::half(s))) << s;
  }
  for (const float s : {1e-8f, 0x1.fffp-15f, 65520.0f, 1e30f}) EXPECT_EQ(detail::to_half(s), s);
}

TEST(QuantizedMatrix, SpecPointsIntoTheMatrix) {
  const auto values = random_values(4 * 36, 7);
  auto q = quantize(MatrixView(values.data(), 4, 36), make_quantizer("int4-g8-asym"));
  const kernels::WeightSpec s = q.spec(9);
  EXPECT_EQ(s.n, 4u);
  EXPECT_EQ(s.k, 36u);
  EXPECT_EQ(s.taps, 9u);
  EXPECT_EQ(s.group, 8u);
  EXPECT_EQ(s.row_bytes, 18u);
  EXPECT_EQ(s.codes, q.codes.data());
  EXPECT_EQ(s.scales, q.scales.data());
  EXPECT_EQ(s.zero_points, q.zero_points.data());
  q = quantize(MatrixView(values.data(), 4, 36), make_quantizer("int4-g36"));
  EXPECT_EQ(q.spec().group, 0u);
  EXPECT_EQ(q.spec().zero_points, nullptr);
}

TEST(QuantizedMatrix, ValidateRefusesHostileContents) {
  const auto values = random_values(4 * 36, 8);
  const auto good = quantize(MatrixView(values.data(), 4, 36), make_quantizer("int4-g8-asym"));
  const auto refused = [&](auto change) {
    QuantizedMatrix q = good;
    change(q);
    try {
      q.validate();
      return false;
    } catch (const Error& e) {
      return e.code() == ErrorCode::corrupt_file;
    }
  };
  using Q = QuantizedMatrix;
  EXPECT_FALSE(refused([](Q&) {}));
  EXPECT_TRUE(refused([](Q& q) { q.rows = 0; }));
  EXPECT_TRUE(refused([](Q& q) { q.rows = -4; }));
  EXPECT_TRUE(refused([](Q& q) { q.cols = std::numeric_limits<std::int64_t>::max(); }));
  EXPECT_TRUE(refused([](Q& q) { q.rows = q.cols = std::int64_t{1} << 31; }));
  EXPECT_TRUE(refused([](Q& q) { q.rows = q.cols = (std::int64_t{1} << 31) - 1; }));
  EXPECT_TRUE(refused([](Q& q) { q.format = static_cast<WeightFormat>(77); }));
  EXPECT_TRUE(refused([](Q& q) { q.bits = 5; }));
  EXPECT_TRUE(refused([](Q& q) { q.bits = 1; }));
  EXPECT_TRUE(refused([](Q& q) { q.granularity.group_size = 0; }));
  EXPECT_TRUE(refused([](Q& q) { q.granularity.kind = static_cast<Granularity::Kind>(9); }));
  EXPECT_TRUE(refused([](Q& q) { q.granularity = per_channel(); }));
  EXPECT_TRUE(refused([](Q& q) { q.codes.pop_back(); }));
  EXPECT_TRUE(refused([](Q& q) { q.scales.push_back(1); }));
  EXPECT_TRUE(refused([](Q& q) { q.zero_points.pop_back(); }));
  EXPECT_TRUE(refused([](Q& q) { q.zero_points[3] = 16; }));
  EXPECT_TRUE(refused([](Q& q) { q.zero_points[3] = -1; }));
  for (const float bad : {0.0f, -1.0f, NAN, 1e-40f, std::numeric_limits<float>::infinity()})
    EXPECT_TRUE(refused([&](Q& q) { q.scales[2] = bad; })) << bad;
  QuantizedMatrix tensor = quantize(MatrixView(values.data(), 4, 36), make_quantizer("int8-tensor"));
  tensor.scales[1] *= 2;
  EXPECT_THROW(tensor.validate(), Error);
}

TEST(QuantizedMatrix, RefusesImpossibleArguments) {
  const auto values = random_values(16, 9);
  const MatrixView w(values.data(), 4, 4);
  EXPECT_THROW(quantize(MatrixView(values.data(), 0, 4), Affine<8>{}), Error);
  EXPECT_THROW(quantize(w, Affine<8>{}, MatrixView(values.data(), 2, 8)), Error);
  EXPECT_THROW(quantize(w, Affine<4>{.granularity = per_group(3)}), Error);
  EXPECT_THROW(quantize(w, Affine<4>{.granularity = per_group(0)}), Error);
  struct Bad {
    AffineGroup group;
    Granularity granularity = per_channel();
    int code_bits() const { return 4; }
    AffineGroup fit(std::span<const float>, std::span<const float>) const { return group; }
  };
  EXPECT_NO_THROW(quantize(w, Bad{{1, 0, -8, 7}}));
  for (const AffineGroup& g :
       {AffineGroup{0, 0, -8, 7}, {NAN, 0, -8, 7}, {1, 0, -9, 7}, {1, 0, 0, 16}, {1, 9, -8, 7}, {1, 0, 5, 5}})
    EXPECT_THROW(quantize(w, Bad{g}), Error);
  std::vector<float> out(16);
  EXPECT_THROW(dequantize(quantize(w, Affine<8>{}), {out.data(), 2, 8}), Error);
}

}  // namespace
}  // namespace lowbit
