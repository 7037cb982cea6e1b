// SPDX-License-Identifier: Apache-2.0
// PackedWeights, row sums and the driver's promises about errors and allocation.
#include "lowbit/kernels/gemm.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/runtime/detail/float_env.h"
#include "support/counting_new.h"
#include "support/random.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace lowbit::kernels {
namespace {

struct Weights {
  std::vector<std::uint8_t> codes;
  WeightSpec spec;
};

Weights make_weights(std::uint32_t n, std::uint32_t k, WeightFormat format = WeightFormat::s8) {
  Weights w;
  w.spec.format = format;
  w.spec.n = n;
  w.spec.k = k;
  w.spec.row_bytes = format == WeightFormat::s8 ? k : format == WeightFormat::u4 ? (k + 1) / 2 : (k + 3) / 4;
  w.codes.resize(w.spec.row_bytes * n);
  testing::Random random(n * 1000 + k);
  for (auto& c : w.codes) c = static_cast<std::uint8_t>(random.next());
  w.spec.codes = w.codes.data();
  return w;
}

TEST(PackedWeights, RefusesImpossibleShapes) {
  auto w = make_weights(4, 12);
  auto spec = w.spec;
  spec.k = 0;
  EXPECT_THROW(PackedWeights{spec}, Error);
  spec = w.spec;
  spec.n = 0;
  EXPECT_THROW(PackedWeights{spec}, Error);
  spec = w.spec;
  spec.taps = 5;
  EXPECT_THROW(PackedWeights{spec}, Error);
  spec = w.spec;
  spec.k = 65537;
  EXPECT_THROW(PackedWeights{spec}, Error);
  spec = w.spec;
  spec.group = 4;  // three groups, no scales
  EXPECT_THROW(PackedWeights{spec}, Error);
  spec = w.spec;
  spec.codes = nullptr;
  EXPECT_THROW(PackedWeights{spec}, Error);
  EXPECT_NO_THROW(PackedWeights{w.spec});
}

TEST(PackedWeights, RunsCoverKAndEndAtTapsAndGroups) {
  auto w = make_weights(2, 60);
  std::vector<float> scales(2 * 9, 1.0f);
  w.spec.taps = 3;
  w.spec.group = 7;
  w.spec.scales = scales.data();
  const PackedWeights packed(w.spec);
  EXPECT_EQ(packed.groups(), 9u);
  std::uint32_t k = 0;
  for (const KRun& run : packed.runs()) {
    EXPECT_EQ(run.tap * 20 + run.offset, k);
    EXPECT_EQ(run.group, k / 7);
    k += run.codes;
    EXPECT_LE(run.offset + run.codes, 20u);
    EXPECT_EQ(run.flush, k % 7 == 0 || k == 60);
    EXPECT_TRUE(k % 20 == 0 || k % 7 == 0);
  }
  EXPECT_EQ(k, 60u);
}

TEST(PackedWeights, FastKernelsTakeNarrowOneGroupFormats) {
  for (const WeightFormat format : {WeightFormat::u4, WeightFormat::s2}) {
    auto w = make_weights(20, 33, format);
    const PackedWeights packed(w.spec);
    EXPECT_EQ(packed.kernel().reference, active_isa() == Isa::scalar);
    EXPECT_TRUE(packed.weight_zero_points().empty());
  }
}

TEST(PackedWeights, KeepsZeroPointsThatDoNotFitAByte) {
  Weights w = make_weights(2, 2);
  w.codes = {0x7F, 0x80, 10, 20};  // 127, -128; 10, 20
  const std::int32_t zeros[] = {5, 5};
  w.spec.codes = w.codes.data();
  w.spec.zero_points = zeros;
  const PackedWeights packed(w.spec);
  ASSERT_EQ(packed.weight_zero_points().size(), 2u);
  EXPECT_EQ(packed.weight_zero_points()[0], 5);  // -128 - 5 is no int8
  EXPECT_EQ(packed.weight_zero_points()[1], 0);  // folded into the panel
  EXPECT_EQ(packed.column_sums()[0], 127 - 128 - 10);
  EXPECT_EQ(packed.column_sums()[1], 30 - 10);
}

TEST(PackedWeights, AsymmetricProductFromRowSumsAndColumnSums) {
  constexpr std::uint32_t kM = 5, kN = 19, kK = 27;
  auto w = make_weights(kN, kK);
  testing::Random random(3);
  std::vector<std::int32_t> zeros(kN);
  for (auto& z : zeros) z = static_cast<std::int32_t>(random.integer(-128, 127));
  w.spec.zero_points = zeros.data();
  const PackedWeights packed(w.spec);
  std::vector<std::uint8_t> a(kM * kK + 4);
  for (auto& v : a) v = static_cast<std::uint8_t>(random.next());
  GemmLhs lhs;
  lhs.a = a.data();
  lhs.rows = kM;
  lhs.row_stride = kK;
  std::vector<std::int32_t> sums(kM), row_zero(kM), c(kM * kN);
  row_sums(lhs, packed, sums.data());
  for (auto& z : row_zero) z = static_cast<std::int32_t>(random.integer(0, 255));
  GemmOut out;
  out.c = c.data();
  out.c_row_bytes = kN * 4;
  out.epilogue.row_a = row_zero.data();
  out.epilogue.col_a = packed.column_sums().data();
  if (!packed.weight_zero_points().empty()) {
    out.epilogue.row_b = sums.data();
    out.epilogue.col_b = packed.weight_zero_points().data();
  }
  gemm(lhs, packed, out, serial_executor());
  for (std::uint32_t i = 0; i < kM; ++i)
    for (std::uint32_t j = 0; j < kN; ++j) {
      std::int32_t expected = 0;
      for (std::uint32_t k = 0; k < kK; ++k)
        expected +=
            (a[i * kK + k] - row_zero[i]) * (static_cast<std::int8_t>(w.codes[j * kK + k]) - zeros[j]);
      ASSERT_EQ(c[i * kN + j], expected) << i << "," << j;
    }
}

TEST(Gemm, AllocatesNothing) {
  auto w = make_weights(256, 256);
  const PackedWeights packed(w.spec);
  std::vector<std::uint8_t> a(256 * 256), c(256 * 256);
  GemmLhs lhs;
  lhs.a = a.data();
  lhs.rows = 256;
  lhs.row_stride = 256;
  GemmOut out;
  out.c = c.data();
  out.c_row_bytes = 256;
  out.epilogue.out = OutType::u8;
  const auto pool = make_thread_pool(2);
  gemm(lhs, packed, out, *pool);
  const std::size_t before = testing::allocations();
  for (int i = 0; i < 5; ++i) gemm(lhs, packed, out, *pool);
  EXPECT_EQ(testing::allocations(), before);
}

#if defined(__SSE2__)
TEST(FloatEnvironmentGuard, SetsTheDefaultAndRestores) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);  // FTZ, DAZ
  {
    const FloatEnvironmentGuard guard;
    EXPECT_EQ(_mm_getcsr() & 0x8040u, 0u);
  }
  EXPECT_EQ(_mm_getcsr() & 0x8040u, 0x8040u);
  _mm_setcsr(before);
}

TEST(FloatEnvironmentGuard, GemmIgnoresTheCallersMode) {
  // 1 * 1e-40: a subnormal, which a flushing mode would turn into zero.
  Weights w = make_weights(1, 4);
  w.codes = {1, 0, 0, 0};
  w.spec.codes = w.codes.data();
  const PackedWeights packed(w.spec);
  const std::uint8_t a[4] = {1, 0, 0, 0};
  const float multiplier = 1e-40f;
  float c = 0;
  GemmLhs lhs;
  lhs.a = a;
  lhs.rows = 1;
  GemmOut out;
  out.c = &c;
  out.c_row_bytes = 4;
  out.epilogue.out = OutType::f32;
  out.epilogue.multiplier = &multiplier;
  out.epilogue.hi = 1.0f;
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);
  gemm(lhs, packed, out, serial_executor());
  _mm_setcsr(before);
  EXPECT_EQ(c, 1e-40f);
}
#endif

}  // namespace
}  // namespace lowbit::kernels
