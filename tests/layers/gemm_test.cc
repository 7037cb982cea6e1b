// SPDX-License-Identifier: Apache-2.0
// lowbit::gemm against the sums written out: every layout, type, zero point and way to requantize, on every
// instruction set that the machine has, by memcmp.
#include "lowbit/layers/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "lowbit/quant/affine.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/quantized_matrix.h"
#include "support/error_of.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::Random;
using testing::says;

std::size_t usize(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

std::vector<Isa> isas() {
  std::vector<Isa> all = {Isa::scalar};
  const Isa steps[] = {Isa::avx2, Isa::avxvnni, Isa::avx512,  Isa::avx512vnni,
                       Isa::neon, Isa::neondot, Isa::neoni8mm};
  Isa mask = Isa::scalar;
  for (const Isa isa : steps)
    if (has_isa(active_isa(), isa)) all.push_back(mask = mask | isa);
  return all;
}

/// Memory of a matrix at random strides, in the middle of a vector that ends where the matrix does.
template <class T>
struct Matrix {
  std::vector<T> memory;
  std::int64_t rows, cols;
  std::ptrdiff_t row_stride, col_stride, first = 0;

  Matrix(std::int64_t r, std::int64_t c, Random& random) : rows(r), cols(c) {
    const std::int64_t gap = random.integer(0, 3), step = random.integer(0, 3) == 0 ? 2 : 1;
    if (random.integer(0, 1)) {
      col_stride = step, row_stride = c * step + gap;
    } else {
      row_stride = step, col_stride = r * step + gap;
    }
    const std::ptrdiff_t down = (r - 1) * row_stride, along = (c - 1) * col_stride;
    memory.resize(static_cast<std::size_t>(down + along + 1));
    if (random.integer(0, 3) == 0) first += down, row_stride = -row_stride;
    if (random.integer(0, 3) == 0) first += along, col_stride = -col_stride;
    for (T& x : memory) x = static_cast<T>(random.next());
  }
  T* data() { return memory.data() + first; }
  T at(std::int64_t r, std::int64_t c) const {
    return memory[static_cast<std::size_t>(first + r * row_stride + c * col_stride)];
  }
  IntegerView view() { return IntegerView(data(), rows, cols, row_stride, col_stride); }
  GemmResult result() { return {data(), rows, cols, row_stride, col_stride}; }
};

struct ProductSizes {
  std::int64_t m, k, n;
};
ProductSizes any_sizes(Random& random) {
  return {random.integer(1, 40), random.integer(1, 150), random.integer(1, 70)};
}

/// [m][n] of (a - a_zero) * (b - b_zero).
template <class A, class B>
std::vector<std::int64_t> sums_of(const Matrix<A>& a, const Matrix<B>& b, std::int64_t a_zero,
                                  const std::vector<std::int32_t>& b_zeros) {
  std::vector<std::int64_t> sums;
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < b.cols; ++j) {
      std::int64_t sum = 0;
      for (std::int64_t k = 0; k < a.cols; ++k)
        sum += (a.at(i, k) - a_zero) *
               (b.at(k, j) - std::int64_t{b_zeros.empty() ? 0 : b_zeros[b_zeros.size() == 1 ? 0 : usize(j)]});
      sums.push_back(sum);
    }
  return sums;
}

template <class T>
std::int32_t any_of(Random& random) {
  using Limits = std::numeric_limits<T>;
  return static_cast<std::int32_t>(random.integer(Limits::min(), Limits::max()));
}

template <class T>
std::vector<T> none_one_or(std::int64_t n, Random& random, auto make) {
  std::vector<T> all;
  const std::int64_t count = random.integer(0, 2) == 0 ? 1 : n;
  for (std::int64_t j = 0; j < count; ++j) all.push_back(make());
  if (random.integer(0, 3) == 0) all.clear();
  return all;
}

/// The elements of C, in order, are `expected`, and no other byte of its memory has changed.
template <class T, class F>
void expect_result(const Matrix<T>& c, const Matrix<T>& before, const F& expected) {
  Matrix<T> right = before;
  for (std::int64_t i = 0; i < c.rows; ++i)
    for (std::int64_t j = 0; j < c.cols; ++j)
      right.data()[i * c.row_stride + j * c.col_stride] = expected(i, j);
  ASSERT_EQ(std::memcmp(c.memory.data(), right.memory.data(), c.memory.size() * sizeof(T)), 0);
}

template <class A, class B, class C>
void sums_are_exact(std::uint64_t seed) {
  Random random(seed);
  for (int round = 0; round < 12; ++round) {
    const ProductSizes size = any_sizes(random);
    const std::int64_t m = size.m, k = size.k, n = size.n;
    Matrix<A> a(m, k, random);
    Matrix<B> b(k, n, random);
    const std::int32_t a_zero = any_of<A>(random);
    const auto b_zeros = none_one_or<std::int32_t>(n, random, [&] { return any_of<B>(random); });
    std::vector<std::int32_t> bias;
    for (std::int64_t j = 0; j < n; ++j) bias.push_back(static_cast<std::int32_t>(random.integer(-1e6, 1e6)));
    if (round % 3 == 0) bias.clear();
    const auto sums = sums_of(a, b, a_zero, b_zeros);
    const Matrix<C> before(m, n, random);
    for (const Isa isa : isas()) {
      Matrix<C> c = before;
      gemm(a.view(), b.view(), c.result(),
           {.a_zero_point = a_zero, .b_zero_points = b_zeros, .bias = bias, .isa = isa});
      expect_result(c, before, [&](std::int64_t i, std::int64_t j) {
        const std::int64_t sum = sums[usize(i * n + j)] + (bias.empty() ? 0 : bias[usize(j)]);
        return static_cast<C>(sum);
      });
    }
  }
}

TEST(Gemm, SumsAreExactInEveryLayout) {
  sums_are_exact<std::uint8_t, std::int8_t, std::int32_t>(1);
  sums_are_exact<std::int8_t, std::int8_t, std::int32_t>(2);
  sums_are_exact<std::uint8_t, std::uint8_t, std::int32_t>(3);
  sums_are_exact<std::int8_t, std::uint8_t, std::int64_t>(4);
  sums_are_exact<std::int16_t, std::int8_t, std::int64_t>(5);
  sums_are_exact<std::int16_t, std::uint8_t, std::int64_t>(6);
}

template <class A, class C>
void requantizes(std::uint64_t seed, bool fixed) {
  Random random(seed);
  using Limits = std::numeric_limits<C>;
  const IntRange codes{Limits::min(), Limits::max()};
  const double spread = static_cast<double>(Limits::max()) / (std::is_same_v<A, std::int16_t> ? 3e7 : 1e5);
  for (int round = 0; round < 10; ++round) {
    const ProductSizes size = any_sizes(random);
    const std::int64_t m = size.m, k = size.k, n = size.n;
    Matrix<A> a(m, k, random);
    Matrix<std::int8_t> b(k, n, random);
    const std::int32_t a_zero = any_of<A>(random);
    const auto zero =
        static_cast<std::int32_t>(random.integer(std::max(codes.qmin, -1000), std::min(codes.qmax, 1000)));
    const bool uniform = round % 2 == 0;
    auto channels = none_one_or<Requantization>(n, random, [&] {
      const auto lowest = uniform ? codes.qmin : static_cast<std::int32_t>(random.integer(codes.qmin, zero));
      return make_requantization(float(spread), 1.0f + 0.9f * random.uniform(), {1.0f, zero},
                                 {lowest, codes.qmax}, random.uniform());
    });
    if (channels.empty()) channels.resize(1, make_requantization(float(spread), 1, {1, zero}, codes));
    std::vector<FixedPointRequantization> points;
    for (const Requantization& r : fixed ? channels : std::vector<Requantization>{})
      points.push_back(make_fixed_point(r.multiplier, zero, codes, FixedPointRounding(random.integer(0, 2))));
    std::vector<std::int32_t> bias;
    for (std::int64_t j = 0; j < n; ++j) bias.push_back(static_cast<std::int32_t>(random.integer(-1e4, 1e4)));
    const auto sums = sums_of(a, b, a_zero, {});
    const Matrix<C> before(m, n, random);
    GemmOptions options{.a_zero_point = a_zero, .bias = bias};
    if (fixed) options.fixed_point = points;
    if (!fixed) options.requantization = channels;
    for (const Isa isa : isas()) {
      Matrix<C> c = before;
      options.isa = isa;
      gemm(a.view(), b.view(), c.result(), options);
      expect_result(c, before, [&](std::int64_t i, std::int64_t j) {
        const std::int64_t sum = sums[usize(i * n + j)] + bias[usize(j)];
        const std::size_t channel = channels.size() == 1 ? 0 : usize(j);
        return static_cast<C>(fixed ? requantize(sum, points[channel]) : requantize(sum, channels[channel]));
      });
    }
  }
}

TEST(Gemm, RequantizesByFloatsToEveryType) {
  requantizes<std::uint8_t, std::uint8_t>(11, false);
  requantizes<std::int8_t, std::int8_t>(12, false);
  requantizes<std::int8_t, std::int16_t>(13, false);
  requantizes<std::uint8_t, std::int32_t>(14, false);
  requantizes<std::int16_t, std::int8_t>(15, false);
  requantizes<std::int16_t, std::int16_t>(16, false);
}

TEST(Gemm, RequantizesByIntegersToEveryType) {
  requantizes<std::uint8_t, std::uint8_t>(21, true);
  requantizes<std::int8_t, std::int8_t>(22, true);
  requantizes<std::int8_t, std::int16_t>(23, true);
  requantizes<std::int16_t, std::uint8_t>(24, true);
  requantizes<std::int16_t, std::int16_t>(25, true);
}

template <class A>
void scales_to_floats(std::uint64_t seed) {
  Random random(seed);
  for (int round = 0; round < 12; ++round) {
    const ProductSizes size = any_sizes(random);
    const std::int64_t m = size.m, k = size.k, n = size.n;
    Matrix<A> a(m, k, random);
    Matrix<std::int8_t> b(k, n, random);
    auto scales = none_one_or<float>(n, random, [&] { return 0.01f * random.uniform(); });
    std::vector<float> bias;
    for (std::int64_t j = 0; j < n; ++j) bias.push_back(random.uniform());
    if (round % 3 == 0) bias.clear();
    const float hi = round % 2 ? 100.0f : std::numeric_limits<float>::infinity();
    const auto sums = sums_of(a, b, 3, {});
    const Matrix<float> before(m, n, random);
    for (const Isa isa : isas()) {
      Matrix<float> c = before;
      gemm(a.view(), b.view(), c.result(),
           {.a_zero_point = 3, .scales = scales, .float_bias = bias, .hi = hi, .isa = isa});
      expect_result(c, before, [&](std::int64_t i, std::int64_t j) {
        auto f = static_cast<float>(sums[usize(i * n + j)]);
        if (!scales.empty()) f = f * scales[scales.size() == 1 ? 0 : usize(j)];
        if (!bias.empty()) f = f + bias[usize(j)];
        return f > hi ? hi : f;
      });
    }
  }
}

TEST(Gemm, ScalesToFloats) {
  scales_to_floats<std::uint8_t>(31);
  scales_to_floats<std::int8_t>(32);
  scales_to_floats<std::int16_t>(33);
}

/// Numbers of 4 bits that follow each other without gaps, whichever way they are walked.
TEST(Gemm, TakesWeightsOf4Bits) {
  Random random(41);
  for (int round = 0; round < 20; ++round) {
    const ProductSizes size = any_sizes(random);
    const std::int64_t m = size.m, k = size.k, n = size.n;
    const bool is_signed = round % 2 == 0, row_major = random.integer(0, 1) == 0;
    const std::int32_t lowest = is_signed ? -8 : 0;
    Matrix<std::int8_t> a(m, k, random);
    Matrix<std::int16_t> wide_a(m, k, random);
    Matrix<std::int32_t> values(k, n, random);
    std::vector<std::uint8_t> bytes(usize(k * n + 1) / 2);
    values.row_stride = row_major ? n : 1, values.col_stride = row_major ? 1 : k, values.first = 0;
    values.memory.assign(usize(k * n), 0);
    for (std::size_t i = 0; i < values.memory.size(); ++i) {
      const auto code = static_cast<unsigned>(random.integer(0, 15));
      bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] | code << (i % 2 * 4));
      values.memory[i] =
          is_signed ? static_cast<std::int32_t>(code ^ 8) - 8 : static_cast<std::int32_t>(code);
    }
    const auto b =
        IntegerView::of_4_bits(bytes.data(), is_signed, k, n, values.row_stride, values.col_stride);
    const auto zeros = none_one_or<std::int32_t>(
        n, random, [&] { return lowest + static_cast<std::int32_t>(random.integer(0, 15)); });
    const Matrix<std::int64_t> before(m, n, random);
    for (const Isa isa : isas()) {
      const PackedB packed(b, {.zero_points = zeros, .isa = isa});
      Matrix<std::int64_t> c = before;
      gemm(a.view(), packed, c.result(), {.a_zero_point = -5});
      const auto sums = sums_of(a, values, -5, zeros);
      expect_result(c, before, [&](std::int64_t i, std::int64_t j) { return sums[usize(i * n + j)]; });
      gemm(wide_a.view(), packed, c.result());
      const auto wide = sums_of(wide_a, values, 0, zeros);
      expect_result(c, before, [&](std::int64_t i, std::int64_t j) { return wide[usize(i * n + j)]; });
    }
  }
}

TEST(Gemm, LongestSumsOfExtremeCodes) {
  const std::int64_t k = 65536;
  const std::vector<std::int16_t> a(usize(k), -32768);
  const std::vector<std::int8_t> b(usize(k), -128);
  std::int64_t wide = 0;
  gemm({a.data(), 1, k}, {b.data(), k, 1}, {&wide, 1, 1});
  EXPECT_EQ(wide, k * 32768 * 128);
  const std::vector<std::uint8_t> small(usize(k), 255);
  std::int32_t sum = 0;
  gemm({small.data(), 1, k}, {b.data(), k, 1}, {&sum, 1, 1});
  EXPECT_EQ(sum, -k * 255 * 128);
}

/// More rows than a block, more work than one thread is given.
TEST(Gemm, BlocksAndThreadsDoNotChangeTheBits) {
  Random random(51);
  const std::int64_t m = 1500, k = 22, n = 420;
  std::vector<std::int8_t> a(usize(m * k)), b(usize(k * n));
  for (auto& x : a) x = static_cast<std::int8_t>(random.next());
  for (auto& x : b) x = static_cast<std::int8_t>(random.next());
  std::vector<std::int32_t> sums(usize(m * n));
  gemm({a.data(), m, k}, {b.data(), k, n}, {sums.data(), m, n}, {.a_zero_point = 9});
  for (int i = 0; i < 500; ++i) {
    const std::int64_t row = random.integer(0, m - 1), column = random.integer(0, n - 1);
    std::int32_t sum = 0;
    for (std::int64_t t = 0; t < k; ++t) sum += (a[usize(row * k + t)] - 9) * b[usize(t * n + column)];
    ASSERT_EQ(sums[usize(row * n + column)], sum);
  }
  const auto stage = make_fixed_point(0.001, 4, signed_range(8));
  std::vector<std::int8_t> expected(sums.size()), c(sums.size());
  requantize(sums, stage, expected);
  const auto pool = make_thread_pool(3);
  const std::span one(&stage, 1);
  gemm({a.data(), m, k}, {b.data(), k, n}, {c.data(), m, n},
       {.a_zero_point = 9, .fixed_point = one, .executor = pool.get()});
  EXPECT_EQ(c, expected);
  const PackedB packed({b.data(), k, n});
  std::vector<std::int8_t> other(sums.size());  // columns of C lie together
  gemm({a.data(), m, k}, packed, {other.data(), m, n, 1, m},
       {.a_zero_point = 9, .fixed_point = one, .executor = pool.get()});
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) ASSERT_EQ(other[usize(j * m + i)], expected[usize(i * n + j)]);
}

TEST(Gemm, FloatsTimesQuantizedWeights) {
  Random random(61);
  const std::int64_t m = 7, k = 96, n = 37;
  Matrix<float> a(m, k, random);
  for (float& x : a.memory) x = random.uniform();
  std::vector<float> w(usize(n * k)), bias(w.size() / usize(k));
  for (float& x : w) x = random.uniform();
  for (float& x : bias) x = random.uniform();
  const MatrixView weights(w.data(), n, k);
  const QuantizedMatrix quantized[] = {
      quantize(weights, Affine<8>{}), quantize(weights, Affine<4>{.granularity = per_group(32)}),
      quantize(weights, Affine<4>{.mapping = Mapping::asymmetric}), quantize(weights, Nf4{})};
  for (const QuantizedMatrix& q : quantized) {
    std::vector<float> real(usize(n * k));
    dequantize(q, {real.data(), n, k});
    const Matrix<float> before(m, n, random);
    std::vector<float> first;
    for (const Isa isa : isas()) {
      Matrix<float> c = before;
      gemm(MatrixView(a.data(), m, k, a.row_stride, a.col_stride), q, c.result(),
           {.float_bias = bias, .lo = -1.0f, .isa = isa});
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = bias[usize(j)];
          for (std::int64_t t = 0; t < k; ++t) sum += double(a.at(i, t)) * double(real[usize(j * k + t)]);
          ASSERT_NEAR(c.at(i, j), std::max(sum, -1.0), 2e-5);
        }
      if (first.empty()) first = c.memory;
      ASSERT_EQ(std::memcmp(first.data(), c.memory.data(), first.size() * sizeof(float)), 0);
    }
  }
}

TEST(Gemm, IntegersTimesQuantizedWeights) {
  Random random(71);
  const std::int64_t m = 9, k = 100, n = 21;
  Matrix<std::int8_t> a(m, k, random);
  std::vector<float> w(usize(n * k));
  for (float& x : w) x = random.uniform();
  const MatrixView weights(w.data(), n, k);
  const float a_scale[] = {0.02f};
  for (const bool grouped : {false, true}) {
    const QuantizedMatrix q =
        quantize(weights, Affine<4>{.granularity = grouped ? per_group(32) : per_channel()});
    std::vector<float> real(usize(n * k));
    dequantize(q, {real.data(), n, k});
    std::vector<float> first;
    for (const Isa isa : isas()) {
      std::vector<float> c(usize(m * n));
      gemm(a.view(), PackedB(q, kernels::ActType::u8, isa), {c.data(), m, n},
           {.a_zero_point = 11, .scales = a_scale});
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t t = 0; t < k; ++t)
            sum += 0.02 * (a.at(i, t) - 11) * double(real[usize(j * k + t)]);
          ASSERT_NEAR(c[usize(i * n + j)], sum, 1e-4);
        }
      if (first.empty()) first = c;
      ASSERT_EQ(std::memcmp(first.data(), c.data(), c.size() * sizeof(float)), 0);
    }
  }
}

TEST(Gemm, RefusalsNameTheArgument) {
  std::vector<std::uint8_t> a(12);
  std::vector<std::int8_t> b(20), wrong(8);
  std::vector<std::int32_t> c(15, 7);
  const auto refuses = [&](ErrorCode code, auto call, std::initializer_list<const char*> words) {
    EXPECT_TRUE(says(error_of(call, code), words));
  };
  using enum ErrorCode;
  refuses(shape_mismatch,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 5, 4}, {c.data(), 3, 4});
          },
          {"A of 3 x 4", "B of 5 x 4"});
  refuses(shape_mismatch,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 4, 5}, {c.data(), 5, 3});
          },
          {"C of 5 x 3", "3 x 5"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 3, 4}, {(std::int8_t*)nullptr, 4, 5}, {c.data(), 3, 5});
          },
          {"B for 5 outputs", "no memory"});
  refuses(invalid_argument,
          [&] {
            gemm({(std::uint8_t*)nullptr, 3, 4}, {b.data(), 4, 5}, {c.data(), 3, 5});
          },
          {"A of 3 x 4", "no memory"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 4, 5}, {(std::int32_t*)nullptr, 3, 5});
          },
          {"C of 3 x 5", "no memory"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 4, 5}, {a.data(), 3, 5, 4, 1},
                 {.requantization = std::vector<Requantization>{{1, 0, 0, 255, 0}}});
          },
          {"C", "over"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 2, 4}, {b.data(), 4, 2}, {a.data(), 2, 2, 4, 1},
                 {.requantization = std::vector<Requantization>{{1, 0, 0, 255, 0}}});
          },
          {"C overlaps A"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 2, 4}, {b.data(), 4, 2}, {b.data(), 2, 2},
                 {.requantization = std::vector<Requantization>{{}}});
          },
          {"C overlaps B"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 4, 5}, {wrong.data(), 3, 5, 0, 1},
                 {.requantization = std::vector<Requantization>{{}}});
          },
          {"C", "over each other"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 2, 4}, {b.data(), 4, 4}, {wrong.data(), 2, 4});
          },
          {"i8", "requantization"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 4, 5}, {c.data(), 3, 5}, {.a_zero_point = 256});
          },
          {"a_zero_point 256", "[0, 255]"});
  const std::int32_t zeros[] = {0, 0, 200, 0, 0};
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 4, 5}, {c.data(), 3, 5}, {.b_zero_points = zeros});
          },
          {"b_zero_points", "200"});
  refuses(shape_mismatch,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 4, 4}, {c.data(), 3, 4}, {.bias = zeros});
          },
          {"bias of 5", "4 columns"});
  const float half[] = {0.5f};
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 3, 4}, {b.data(), 4, 5}, {c.data(), 3, 5}, {.scales = half});
          },
          {"scales", "i32"});
  const std::vector<std::uint8_t> long_a(65537);
  const std::vector<std::int8_t> long_b(65537);
  refuses(invalid_argument,
          [&] {
            gemm({long_a.data(), 1, 65537}, {long_b.data(), 65537, 1}, {c.data(), 1, 1});
          },
          {"B has 65537 products"});
  const std::vector<std::int16_t> words(12);
  refuses(invalid_argument,
          [&] {
            gemm({words.data(), 3, 4}, {b.data(), 4, 5}, {c.data(), 3, 5});
          },
          {"C of i32", "16-bit"});
  refuses(invalid_argument,
          [&] {
            gemm({a.data(), 3, 4}, PackedB({words.data(), 4, 3}), {c.data(), 3, 3});
          },
          {"B of i16"});
  EXPECT_EQ(c, std::vector<std::int32_t>(15, 7));
  EXPECT_NO_THROW(gemm({a.data(), 0, 4}, {b.data(), 4, 5}, {c.data(), 0, 5}));
}

TEST(Gemm, BlocksOfOneMatrixMayLieSideBySide) {
  std::vector<std::int8_t> memory(8 * 16, 1);
  std::vector<std::int8_t> b(8 * 8, 1);
  const Requantization stage;
  // A is the left half of each row, C the right one.
  gemm({memory.data(), 8, 8, 16, 1}, {b.data(), 8, 8}, {memory.data() + 8, 8, 8, 16, 1},
       {.requantization = std::span(&stage, 1)});
  for (std::size_t i = 0; i < memory.size(); ++i) ASSERT_EQ(memory[i], i % 16 < 8 ? 1 : 8);
  EXPECT_THROW(gemm({memory.data(), 8, 8, 16, 1}, {b.data(), 8, 8}, {memory.data() + 7, 8, 8, 16, 1},
                    {.requantization = std::span(&stage, 1)}),
               Error);
}

}  // namespace
}  // namespace lowbit
