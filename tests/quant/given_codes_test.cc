// SPDX-License-Identifier: Apache-2.0
// Codes as other formats store them, against what those formats define, bit for bit. The oracles are written
// from the formats' own descriptions, and share nothing with the library.
#include "lowbit/quant/given_codes.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/packing.h"
#include "lowbit/quant/affine.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;

std::vector<float> values_of(const QuantizedMatrix& q) {
  std::vector<float> out(static_cast<std::size_t>(q.rows * q.cols));
  dequantize(q, {out.data(), q.rows, q.cols});
  return out;
}

/// Equal bits; where `zeros_may_differ`, zeros of either sign are equal.
void expect_same(const std::vector<float>& a, const std::vector<float>& b, bool zeros_may_differ = false) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (zeros_may_differ && a[i] == 0.0f && b[i] == 0.0f) continue;
    ASSERT_EQ(std::bit_cast<std::uint32_t>(a[i]), std::bit_cast<std::uint32_t>(b[i]))
        << i << ": " << a[i] << " and " << b[i];
  }
}

/// Any bits of a positive normal float that is not an fp16 number, as scales of other tools are.
float odd_scale(testing::Random& random) {
  return 0.001f + std::fabs(random.uniform()) * 0.37f;
}

template <class T>
std::vector<T> random_codes(testing::Random& random, std::size_t count, int lo, int hi) {
  std::vector<T> codes(count);
  for (T& c : codes) c = static_cast<T>(random.integer(lo, hi));
  codes.front() = static_cast<T>(lo), codes.back() = static_cast<T>(hi);
  return codes;
}

// TensorFlow Lite, "8-bit quantization specification": weights are int8, symmetric (zero point 0), per
// channel of dimension 0 or per tensor; real = (int8 - zero_point) * scale. Older files have asymmetric uint8
// tensors.
TEST(GivenCodes, TfliteInt8PerChannel) {
  testing::Random random(1);
  const std::int64_t rows = 7, cols = 45;
  const auto codes = random_codes<std::int8_t>(random, std::size_t(rows * cols), -127, 127);
  std::vector<float> scales, expected;
  for (int r = 0; r < rows; ++r) scales.push_back(odd_scale(random));
  for (std::size_t i = 0; i < codes.size(); ++i)
    expected.push_back(static_cast<float>(codes[i]) * scales[i / std::size_t(cols)]);
  const QuantizedMatrix q =
      matrix_from_codes(AffineCodes{.codes = {codes.data(), rows, cols}, .scales = scales});
  EXPECT_EQ(q.format, WeightFormat::s8);
  EXPECT_TRUE(q.zero_points.empty());
  EXPECT_EQ(q.scales, scales);
  expect_same(values_of(q), expected);
}

template <class T>
void expect_tflite_per_tensor(std::int32_t zero, int lo, int hi) {
  testing::Random random(2);
  const std::int64_t rows = 5, cols = 33;
  const auto codes = random_codes<T>(random, std::size_t(rows * cols), lo, hi);
  const float scale = odd_scale(random);
  std::vector<float> expected;
  for (const T c : codes) expected.push_back(static_cast<float>(std::int32_t{c} - zero) * scale);
  const QuantizedMatrix q = matrix_from_codes(AffineCodes{.codes = {codes.data(), rows, cols},
                                                          .granularity = per_tensor(),
                                                          .scales = {&scale, 1},
                                                          .zero_points = {&zero, 1}});
  expect_same(values_of(q), expected);
}

TEST(GivenCodes, TfliteAsymmetricPerTensor) {
  for (const std::int32_t zero : {0, 3, 128, 255}) expect_tflite_per_tensor<std::uint8_t>(zero, 0, 255);
  for (const std::int32_t zero : {-128, -5, 0, 127}) expect_tflite_per_tensor<std::int8_t>(zero, -128, 127);
}

// fp16 to float, from IEEE 754 alone.
float half_value(std::uint16_t h) {
  const int exponent = (h >> 10) & 31, mantissa = h & 1023;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                        : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  return h & 0x8000 ? -magnitude : magnitude;
}

/// GGUF Q4_0: blocks of 32 weights of a row in 18 bytes, an fp16 `d` and 16 bytes; weight j of the block is
/// d * ((byte j & 15) - 8), weight j + 16 is d * ((byte j >> 4) - 8). d is of either sign, or 0.
struct Q40Block {
  std::uint16_t d;
  std::uint8_t bytes[16];
};

TEST(GivenCodes, GgufQ40) {
  testing::Random random(3);
  const std::int64_t rows = 6, cols = 96, blocks = cols / 32;
  std::vector<Q40Block> file(static_cast<std::size_t>(rows * blocks));
  for (Q40Block& b : file) {
    b.d = static_cast<std::uint16_t>(random.integer(0x0400, 0x5000) | (random.next() & 1 ? 0x8000 : 0));
    for (std::uint8_t& byte : b.bytes) byte = static_cast<std::uint8_t>(random.next());
  }
  file[1].d = 0, file[4].d = 0x8000, file[5].d = 0x0003;  // zeros, and a subnormal fp16 number
  std::vector<float> expected, scales;
  std::vector<std::uint8_t> codes;
  for (const Q40Block& b : file) {
    scales.push_back(half_value(b.d));
    for (const int shift : {0, 4})
      for (const std::uint8_t byte : b.bytes) {
        codes.push_back((byte >> shift) & 15);
        expected.push_back(static_cast<float>(codes.back() - 8) * scales.back());
      }
  }
  const std::vector<std::int32_t> zeros(scales.size(), 8);
  const QuantizedMatrix q = matrix_from_codes(AffineCodes{.codes = {codes.data(), rows, cols},
                                                          .bits = 4,
                                                          .granularity = per_group(32),
                                                          .scales = scales,
                                                          .zero_points = zeros});
  EXPECT_EQ(q.format, WeightFormat::u4);
  expect_same(values_of(q), expected, true);
  // Where no scale is negative even the signs of zeros are the format's, and no zero points are stored.
  for (std::size_t i = 0; i < scales.size(); ++i) {
    scales[i] = std::fabs(scales[i]);
    for (std::size_t j = 32 * i; j < 32 * i + 32; ++j)
      expected[j] = static_cast<float>(codes[j] - 8) * scales[i] + 0.0f;
  }
  const QuantizedMatrix positive = matrix_from_codes(AffineCodes{.codes = {codes.data(), rows, cols},
                                                                 .bits = 4,
                                                                 .granularity = per_group(32),
                                                                 .scales = scales,
                                                                 .zero_points = zeros});
  EXPECT_TRUE(positive.zero_points.empty());
  expect_same(values_of(positive), expected);
}

// ONNX DequantizeLinear, opset 21: y = (x - x_zero_point) * x_scale, x is K x N with blocks along K (axis 0);
// two elements of int4 or uint4 in a byte, the first in the low bits, without regard to rows. The matrix of
// weights is N x K.
void expect_onnx_blocked(bool is_signed, bool with_zero_points) {
  testing::Random random(4);
  const std::int64_t k = 80, n = 5, block = 32, blocks = 3;
  const int lo = is_signed ? -8 : 0;
  std::vector<std::uint8_t> bytes(std::size_t(k * n / 2));
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.next());
  std::vector<float> onnx_scales(std::size_t(blocks * n));
  std::vector<std::int32_t> onnx_zeros(onnx_scales.size(), 0);
  for (float& s : onnx_scales) s = odd_scale(random);
  if (with_zero_points)
    for (std::int32_t& z : onnx_zeros) z = static_cast<std::int32_t>(random.integer(lo, lo + 15));
  std::vector<float> expected(std::size_t(n * k));
  for (std::int64_t i = 0; i < k * n; ++i) {
    const int nibble = i % 2 == 0 ? bytes[std::size_t(i / 2)] & 15 : bytes[std::size_t(i / 2)] >> 4;
    const int x = is_signed && nibble > 7 ? nibble - 16 : nibble;
    const auto at = std::size_t(i / n / block * n + i % n);
    expected[std::size_t(i % n * k + i / n)] = static_cast<float>(x - onnx_zeros[at]) * onnx_scales[at];
  }
  // What a reader of such a file does: unpack, read the matrix the other way by strides, transpose the
  // scales.
  std::vector<std::uint8_t> codes(std::size_t(k * n));
  unpack_u4(bytes, codes);
  std::vector<std::int8_t> signed_codes;
  for (const std::uint8_t c : codes) signed_codes.push_back(static_cast<std::int8_t>(c > 7 ? c - 16 : c));
  std::vector<float> scales;
  std::vector<std::int32_t> zeros;
  for (std::int64_t r = 0; r < n; ++r)
    for (std::int64_t g = 0; g < blocks; ++g) {
      scales.push_back(onnx_scales[std::size_t(g * n + r)]);
      zeros.push_back(onnx_zeros[std::size_t(g * n + r)]);
    }
  AffineCodes given{.bits = 4, .granularity = per_group(32), .scales = scales};
  given.codes = is_signed ? CodesView(signed_codes.data(), n, k, 1, n) : CodesView(codes.data(), n, k, 1, n);
  if (with_zero_points) given.zero_points = zeros;
  const QuantizedMatrix q = matrix_from_codes(given);
  EXPECT_EQ(q.scales, scales) << "kept in f32 where fp16 would lose something";
  EXPECT_EQ(q.format, WeightFormat::u4);
  expect_same(values_of(q), expected);
}

TEST(GivenCodes, OnnxBlockedInt4) {
  expect_onnx_blocked(true, false);
  expect_onnx_blocked(true, true);
}

TEST(GivenCodes, OnnxBlockedUint4) {
  expect_onnx_blocked(false, false);
  expect_onnx_blocked(false, true);
}

template <class T>
void expect_every_affine(int bits, Granularity granularity) {
  testing::Random random(static_cast<std::uint64_t>(bits));
  const std::int64_t rows = 3, cols = 21;
  const bool grouped = granularity.kind == Granularity::Kind::group;
  const std::int64_t size = grouped ? granularity.group_size : cols, groups = (cols + size - 1) / size;
  const int lo = std::is_signed_v<T> ? -(1 << (bits - 1)) : 0, hi = lo + (1 << bits) - 1;
  const auto codes = random_codes<T>(random, std::size_t(rows * cols), lo, hi);
  const std::int64_t entries = granularity.kind == Granularity::Kind::tensor ? 1 : rows * groups;
  std::vector<float> scales, offsets;
  std::vector<std::int32_t> zeros;
  for (std::int64_t i = 0; i < entries; ++i) {
    scales.push_back(odd_scale(random) * (i % 3 == 1 ? -1.0f : 1.0f));
    offsets.push_back(random.uniform());
    zeros.push_back(static_cast<std::int32_t>(random.integer(lo, hi)));
  }
  zeros[0] = lo;
  for (const bool with_zeros : {false, true})
    for (const bool with_offsets : {false, true}) {
      std::vector<float> expected;
      for (std::int64_t i = 0; i < rows * cols; ++i) {
        const auto e = std::size_t(entries == 1 ? 0 : i / cols * groups + i % cols / size);
        float y = static_cast<float>(codes[std::size_t(i)] - (with_zeros ? zeros[e] : 0)) * scales[e];
        if (with_offsets) y = y + offsets[e];
        expected.push_back(y);
      }
      AffineCodes given{
          .codes = {codes.data(), rows, cols}, .bits = bits, .granularity = granularity, .scales = scales};
      if (with_zeros) given.zero_points = zeros;
      if (with_offsets) given.offsets = offsets;
      const QuantizedMatrix q = matrix_from_codes(given);
      ASSERT_NO_THROW(q.validate());
      ASSERT_EQ(q.bits, bits);
      ASSERT_NO_FATAL_FAILURE(expect_same(values_of(q), expected, true))
          << bits << with_zeros << with_offsets;
    }
}

TEST(GivenCodes, EveryWidthSignAndGranularity) {
  for (int bits = 2; bits <= 8; ++bits)
    for (const Granularity g : {per_tensor(), per_channel(), per_group(4), per_group(32)}) {
      ASSERT_NO_FATAL_FAILURE(expect_every_affine<std::int8_t>(bits, g));
      ASSERT_NO_FATAL_FAILURE(expect_every_affine<std::uint8_t>(bits, g));
    }
}

TEST(GivenCodes, TablesOfTheMatrixAndOfRows) {
  testing::Random random(5);
  const std::int64_t rows = 4, cols = 24;
  for (const int count : {2, 3, 5, 16, 17, 200, 256})
    for (const bool per_row : {false, true}) {
      const auto codes = random_codes<std::uint8_t>(random, std::size_t(rows * cols), 0, count - 1);
      std::vector<float> levels(std::size_t(count * (per_row ? rows : 1))), scales;
      for (float& l : levels) l = random.gaussian();
      for (std::int64_t r = 0; r < rows; ++r) levels[per_row ? std::size_t(r * count) : 0] = 0.0f;
      for (std::int64_t i = 0; i < rows * 3; ++i) scales.push_back(i == 2 ? 0.0f : odd_scale(random));
      std::vector<float> expected, unscaled;
      for (std::int64_t i = 0; i < rows * cols; ++i) {
        const float level = levels[std::size_t(codes[std::size_t(i)] + (per_row ? i / cols * count : 0))];
        expected.push_back(level * scales[std::size_t(i / 8)]);
        unscaled.push_back(level);
      }
      TableCodes given{.codes = {codes.data(), rows, cols}, .levels = levels, .levels_per_row = per_row};
      const QuantizedMatrix plain = matrix_from_codes(given);
      EXPECT_EQ(plain.format, count <= 16 ? WeightFormat::lut4 : WeightFormat::lut8);
      expect_same(values_of(plain), unscaled);
      given.granularity = per_group(8), given.scales = scales;
      expect_same(values_of(matrix_from_codes(given)), expected, true);
    }
}

TEST(GivenCodes, TernaryAndSigns) {
  const std::int8_t ternary[] = {-1, 0, 1, 1, 0, -1, 1, 1, 0, 0, -1, -1};
  const float scales[] = {0.3f, -0.7f, 0.0f};
  expect_same(values_of(matrix_from_codes(
                  TernaryCodes{.codes = {ternary, 1, 12}, .granularity = per_group(4), .scales = scales})),
              {-0.3f, 0, 0.3f, 0.3f, 0, 0.7f, -0.7f, -0.7f, 0, 0, 0, 0}, true);

  const std::uint8_t signs[] = {0, 1, 2, 3, 3, 2, 1, 0};
  const float planes[] = {0.5f, 0.2f, -1.5f, 0.1f};
  std::vector<float> expected;
  for (int i = 0; i < 8; ++i) {
    const float *s = planes + i / 4 * 2, a = signs[i] & 1 ? -s[0] : s[0];
    expected.push_back(a + (signs[i] & 2 ? -s[1] : s[1]));
  }
  const QuantizedMatrix q =
      matrix_from_codes(SignCodes{.codes = {signs, 2, 4}, .planes = 2, .scales = planes});
  EXPECT_EQ(q.format, WeightFormat::b1);
  expect_same(values_of(q), expected);
}

TEST(GivenCodes, GivesBackTheMatrixItWasTakenFrom) {
  testing::Random random(6);
  std::vector<float> w(6 * 40);
  for (float& x : w) x = random.gaussian();
  const MatrixView view(w.data(), 6, 40);
  const QuantizedMatrix q =
      quantize(view, Affine<4>{.granularity = per_group(8), .mapping = Mapping::asymmetric});
  std::vector<std::uint8_t> codes;
  for (std::int64_t i = 0; i < 240; ++i) codes.push_back(static_cast<std::uint8_t>(q.code(i / 40, i % 40)));
  const QuantizedMatrix again = matrix_from_codes(AffineCodes{.codes = {codes.data(), 6, 40},
                                                              .bits = 4,
                                                              .granularity = per_group(8),
                                                              .scales = q.scales,
                                                              .zero_points = q.zero_points});
  EXPECT_EQ(again.codes, q.codes);
  EXPECT_EQ(again.scales, q.scales);
  EXPECT_EQ(again.zero_points, q.zero_points);
  EXPECT_EQ(again.bits_per_weight(), q.bits_per_weight());
}

TEST(GivenCodes, NamesWhatCannotBe) {
  std::vector<std::uint8_t> codes(2 * 8, 3);
  std::vector<float> scales(4, 0.5f);
  std::vector<std::int32_t> zeros(4, 8);
  AffineCodes good{.codes = {codes.data(), 2, 8},
                   .bits = 4,
                   .granularity = per_group(4),
                   .scales = scales,
                   .zero_points = zeros};
  EXPECT_NO_THROW(matrix_from_codes(good));
  const auto refused = [](const auto& given, ErrorCode code = ErrorCode::invalid_argument) {
    return error_of([&] { matrix_from_codes(given); }, code);
  };
  codes[13] = 16;
  EXPECT_TRUE(says(refused(good), {"row 1, column 5", "16", "0 to 15"}));
  codes[13] = 3, scales[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(says(refused(good), {"scale of row 1, group 0", "nan"}));
  scales[2] = 1e-40f;
  EXPECT_TRUE(says(refused(good), {"scale of row 1, group 0", "1e-40"}));
  scales[2] = -std::numeric_limits<float>::infinity();
  EXPECT_TRUE(says(refused(good), {"-inf"}));
  scales[2] = 1, zeros[1] = 16;
  EXPECT_TRUE(says(refused(good), {"zero point of row 0, group 1 is 16", "0 to 15"}));
  zeros[1] = 0;
  std::vector<float> offsets{0, 0, 0, std::numeric_limits<float>::infinity()};
  AffineCodes other = good;
  other.offsets = offsets;
  EXPECT_TRUE(says(refused(other), {"offset of row 1, group 1", "inf"}));
  other = good, other.scales = other.scales.first(3);
  EXPECT_TRUE(says(refused(other, ErrorCode::shape_mismatch), {"3 scales", "2x8", "group of 4", "4"}));
  other = good, other.granularity = per_channel();
  EXPECT_TRUE(says(refused(other, ErrorCode::shape_mismatch), {"4 scales", "row", "2"}));
  other = good, other.granularity = per_group(6);
  EXPECT_TRUE(says(refused(other), {"group size is 6"}));
  other = good, other.bits = 9;
  EXPECT_TRUE(says(refused(other), {"9 bits"}));
  other = good, other.codes.rows = 0;
  EXPECT_TRUE(says(refused(other), {"0x8"}));

  std::vector<float> levels{-1, 1, 2};
  TableCodes table{.codes = {codes.data(), 2, 8}, .levels = levels};
  EXPECT_TRUE(says(refused(table), {"row 0, column 0 is 3", "0 to 2"}));
  std::fill(codes.begin(), codes.end(), std::uint8_t{2});
  EXPECT_NO_THROW(matrix_from_codes(table));
  table.scales = std::span(scales).first(2);
  scales[1] = -1;
  EXPECT_TRUE(says(refused(table), {"scale of row 1", "-1"}));
  scales[1] = 0;
  EXPECT_TRUE(says(refused(table), {"scale of row 1 is 0", "no level"}));
  table.scales = {}, table.levels_per_row = true;
  EXPECT_TRUE(says(refused(table, ErrorCode::shape_mismatch), {"3 levels", "2 tables"}));
  levels = {0, 1, 2, 3, std::numeric_limits<float>::quiet_NaN(), 4}, table.levels = levels;
  EXPECT_TRUE(says(refused(table), {"level 1 of row 1", "nan"}));

  const std::int8_t two[] = {0, 2, 0, 0};
  const float one[] = {1.0f, 0.0f};
  EXPECT_TRUE(says(refused(TernaryCodes{.codes = {two, 1, 4}, .scales = std::span(one, 1)}),
                   {"column 1 is 2", "-1 to 1"}));
  EXPECT_TRUE(
      says(refused(SignCodes{.codes = {codes.data(), 1, 4}, .planes = 2, .scales = one}), {"plane 1 is 0"}));
  EXPECT_TRUE(
      says(refused(SignCodes{.codes = {codes.data(), 1, 4}, .planes = 5, .scales = one}), {"5 planes"}));
}

}  // namespace
}  // namespace lowbit
