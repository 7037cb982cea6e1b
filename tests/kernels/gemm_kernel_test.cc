// SPDX-License-Identifier: Apache-2.0
// Every kernel of the table against the scalar reference, bit for bit. gemm_reference_test.cc holds the
// reference against the formula.
#include "lowbit/kernels/gemm_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/gemm_case.h"
#include "kernels/gemm_random.h"
#include "support/effort.h"

namespace lowbit::kernels {

/// Found by GoogleTest: the name in place of an address.
static void PrintTo(const GemmKernel* kernel, std::ostream* out) {
  *out << kernel->name;
}

namespace {

using testing::all_kernels;
using testing::describe;
using testing::GemmCase;
using testing::GemmOptions;
using testing::GemmShape;
using testing::Random;
using testing::random_options;
using testing::random_shape;

constexpr std::uint64_t kRandomCases = testing::affordable(3000);

class EveryGemmKernel : public ::testing::TestWithParam<const GemmKernel*> {
 protected:
  void SetUp() override {
    if (!has_isa(active_isa(), GetParam()->required))
      GTEST_SKIP() << "this machine, or LOWBIT_ISA, has no " << isa_name(GetParam()->required);
  }
  /// Runs the case with this kernel and with the reference; the bytes must be equal. A matrix that the kernel
  /// does not support is passed over and not counted.
  void expect_same(GemmCase& c, std::span<Executor* const> executors) {
    if (!GetParam()->supports(c.spec())) return;
    ++compared_;
    const PackedWeights packed(c.spec(), *GetParam()), reference(c.spec(), Isa::scalar);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(packed.panel(0)) % 64, 0u);
    const auto expected = c.run(reference, serial_executor());
    const std::vector<std::uint8_t> copy(expected.begin(), expected.end());
    for (Executor* executor : executors) {
      const auto got = c.run(packed, *executor);
      ASSERT_EQ(got.size(), copy.size());
      const auto differs = std::mismatch(copy.begin(), copy.end(), got.begin());
      ASSERT_EQ(differs.first, copy.end())
          << "byte " << differs.first - copy.begin() << " of rows of " << c.c_row_bytes() << ", "
          << executor->concurrency() << " threads";
    }
  }
  void expect_same(GemmCase& c) {
    Executor* const serial[] = {&serial_executor()};
    expect_same(c, serial);
  }
  GemmOptions own(GemmOptions o = {}) const {
    o.format = GetParam()->format;
    o.act = GetParam()->act;
    return o;
  }
  /// No groups, and groups of 4 to 128 codes (or planes) where the kernel takes them.
  std::vector<GemmOptions> granularities() const {
    std::vector<GemmOptions> all = {own()};
    for (const std::uint32_t group : {32u, 128u, 4u, 20u}) all.push_back(own({.group = group}));
    if (GetParam()->format == WeightFormat::b1) all = {own(), own({.planes = 2}), own({.planes = 3})};
    return all;
  }

  std::uint64_t compared_ = 0;
};

TEST_P(EveryGemmKernel, UnpackingGivesBackWhatWasPacked) {
  if (GetParam()->unpack == nullptr) GTEST_SKIP() << "does not keep its weights";
  Random random(33);
  for (std::uint64_t seed = 0; seed < testing::affordable(600); ++seed) {
    const GemmShape shape = random_shape(random);
    GemmCase c(seed, shape, random_options(random, GetParam()->format, GetParam()->act, shape));
    const WeightSpec& spec = c.spec();
    if (!GetParam()->supports(spec) || spec.format != GetParam()->format) continue;
    SCOPED_TRACE(describe(c, seed));
    ++compared_;
    const PackedWeights packed(spec, *GetParam());
    const std::size_t bytes = spec.row_bytes * spec.n * spec.planes;
    std::vector<std::uint8_t> codes(bytes, 0), expected(spec.codes, spec.codes + bytes);
    std::vector<float> scales(std::size_t{spec.n} * packed.groups());
    std::vector<std::int32_t> zeros(scales.size());
    WeightSpec shape_only = spec;
    shape_only.codes = nullptr;
    shape_only.scales = nullptr;
    packed.unpack(shape_only, {codes.data(), scales.data(), spec.zero_points ? zeros.data() : nullptr});
    // The bits behind the last code of a row are not kept.
    const std::uint32_t tail = spec.k % testing::codes_per_byte(spec.format);
    if (tail != 0)
      for (std::size_t row = 1; row <= spec.n * std::size_t{spec.planes}; ++row)
        for (auto* bits : {&codes, &expected})
          (*bits)[row * spec.row_bytes - 1] &=
              static_cast<std::uint8_t>((1u << tail * 8 / testing::codes_per_byte(spec.format)) - 1);
    ASSERT_EQ(codes, expected);
    if (packed.groups() == 1) continue;
    ASSERT_EQ(scales, std::vector<float>(spec.scales, spec.scales + scales.size()));
    if (!spec.zero_points) continue;
    ASSERT_EQ(zeros, std::vector<std::int32_t>(spec.zero_points, spec.zero_points + zeros.size()));
  }
  EXPECT_GT(compared_, 0u);
}

TEST_P(EveryGemmKernel, RandomShapesGiveTheBitsOfTheReference) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  Random random(22);
  for (std::uint64_t seed = 0; seed < kRandomCases; ++seed) {
    const GemmShape shape = random_shape(random);
    GemmCase c(seed, shape, random_options(random, GetParam()->format, GetParam()->act, shape));
    SCOPED_TRACE(describe(c, seed));
    expect_same(c);
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(compared_, kRandomCases / 5);
  RecordProperty("compared", static_cast<int>(compared_));
}

// Strips of many rows and rows of many groups take other loops than small shapes.
TEST_P(EveryGemmKernel, LargeShapesGiveTheBitsOfTheReference) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  std::uint64_t seed = 0;
  for (const GemmShape& shape :
       {GemmShape{1, 70, 70, 1, 1100}, GemmShape{1, 17, 33, 1, 2500}, GemmShape{1, 2, 130, 1, 4099},
        GemmShape{2, 33, 65, 9, 40}, GemmShape{1, 1, 200, 1, 4096}, GemmShape{1, 200, 18, 1, 320}}) {
    for (GemmOptions o : granularities()) {
      for (const bool zero_points : {false, true}) {
        o.zero_points = zero_points && o.format != WeightFormat::lut4 && o.format != WeightFormat::lut8 &&
                        o.format != WeightFormat::b1;
        o.extreme = seed % 3 == 0;
        o.small_levels = seed % 2 == 0;
        o.bell = seed % 2 == 0;
        o.row_zero_128 = seed % 4 < 2;
        if (!testing::affords(seed++)) continue;
        GemmCase c(seed, shape, o);
        SCOPED_TRACE(describe(c, seed));
        expect_same(c);
        if (HasFatalFailure()) return;
      }
    }
  }
  EXPECT_GT(compared_, 0u);
}

TEST_P(EveryGemmKernel, EveryTailOfRowsAndColumns) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  std::uint64_t index = 0;
  for (std::uint32_t n = 1; n <= 66; ++n) {
    for (std::uint32_t m = 1; m <= 26; m += n % 16 == 1 ? 1 : 7) {
      for (const GemmOptions& o : granularities()) {
        if (!testing::affords(index++)) continue;
        GemmCase c(n * 100 + m, {1, m, n, n % 3 + 1, (n + m) % 37 + 1}, o);
        SCOPED_TRACE(describe(c, n * 100 + m));
        expect_same(c);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(EveryGemmKernel, LongRowsOfExtremeCodesDoNotSaturate) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  std::uint64_t index = 0;
  for (const std::uint32_t k : {255u, 512u, 1023u, 4096u, 8191u, 8192u, 65536u}) {
    for (GemmOptions o : granularities()) {
      if (!testing::affords(index++)) continue;
      o.extreme = true;
      GemmCase c(k, {1, k > 1023 ? 2u : 7u, k > 1023 ? 17u : 49u, 1, k}, o);
      SCOPED_TRACE(describe(c, k));
      expect_same(c);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(EveryGemmKernel, ThreadsDoNotChangeTheBits) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  std::vector<std::shared_ptr<Executor>> pools;
  std::vector<Executor*> executors;
  for (const int threads : {1, 2, 3, 8}) {
    pools.push_back(make_thread_pool(threads));
    executors.push_back(pools.back().get());
  }
  // Large enough to be cut: 2 images of 130 x 150 x 9 x 15 and a plain 600 x 100 x 100.
  std::uint64_t index = 0;
  for (const GemmShape& shape : {GemmShape{2, 130, 150, 9, 15}, GemmShape{1, 600, 100, 1, 100}}) {
    for (const GemmOptions& o : granularities()) {
      if (!testing::affords(index++)) continue;
      GemmCase c(shape.m, shape, o);
      expect_same(c, executors);
      if (HasFatalFailure()) return;
    }
  }
}

// Hashes of results over fixed cases, the same constants on x86-64 and aarch64 and for every kernel of a
// format. Grouped cases belong to the kernels that take them.
TEST_P(EveryGemmKernel, GoldenHashes) {
  struct Golden {
    WeightFormat format;
    ActType act;
    std::uint64_t one_group, groups;
  };
  constexpr Golden kGolden[] = {{WeightFormat::s8, ActType::u8, 0xE94D7A85569428CC, 0x286D8005E6B513F9u},
                                {WeightFormat::u4, ActType::u8, 0xD45FCBF8AF935B50, 0xAAD7992990260A70u},
                                {WeightFormat::lut4, ActType::u8, 0x409E499BD601924A, 0x1EC01D5391A3F775u},
                                {WeightFormat::s2, ActType::u8, 0x7A9D81B22956BB3E, 0x5898D4626D065B38u},
                                {WeightFormat::b1, ActType::u8, 0x4F2D070271D96655, 0x07A3B8C25C0208A3},
                                {WeightFormat::b1, ActType::b1, 0x0258B68F275009E2, 0xCC6CD704AC2237AD},
                                {WeightFormat::u4, ActType::f32, 0x69AE89449EB7F6BE, 0x4CB96B8DF070D43B},
                                {WeightFormat::lut4, ActType::f32, 0x7DE63F64E09C1A19, 0x3FF6DD1ECC84A0D2},
                                {WeightFormat::lut8, ActType::f32, 0xE742D91C6D00A8D6, 0xE6F7993566DADE1C},
                                {WeightFormat::s8, ActType::f32, 0x3396E7E32DD283C5, 0x95F70430EDF6570B},
                                {WeightFormat::s2, ActType::f32, 0x0B3CA663370EDAFB, 0xC101D3C22899A9D5},
                                {WeightFormat::b1, ActType::f32, 0x1434181CF563F753, 0x58499986D15DC2EE}};
  const auto* golden = std::find_if(std::begin(kGolden), std::end(kGolden), [&](const Golden& g) {
    return g.format == GetParam()->format && g.act == GetParam()->act;
  });
  ASSERT_NE(golden, std::end(kGolden)) << "the format has no hashes yet";
  constexpr GemmShape kShapes[] = {{1, 64, 16, 9, 16},  {1, 16, 32, 9, 32}, {2, 9, 64, 9, 64},
                                   {1, 1, 100, 1, 300}, {1, 33, 65, 1, 77}, {3, 13, 10, 4, 7}};
  for (const bool groups : {false, true}) {
    std::uint64_t hash = testing::fnv1a(nullptr, 0), seed = 0;
    bool supported = true;
    for (const GemmShape& shape : kShapes) {
      for (int repeat = 0; repeat < 4; ++repeat) {
        GemmOptions o = own();
        if (groups && o.format == WeightFormat::b1) o.planes = 2;
        if (groups && o.format != WeightFormat::b1) o.group = 12;
        GemmCase c(++seed, shape, o);
        supported = supported && GetParam()->supports(c.spec());
        if (!supported) break;
        const auto bytes = c.run(PackedWeights(c.spec(), *GetParam()), serial_executor());
        hash = testing::fnv1a(bytes.data(), bytes.size(), hash);
      }
    }
    if (!supported) continue;
    EXPECT_EQ(hash, groups ? golden->groups : golden->one_group) << GetParam()->name << " groups " << groups;
  }
}

std::string kernel_test_name(const ::testing::TestParamInfo<const GemmKernel*>& info) {
  std::string name = info.param->name;
  for (char& ch : name)
    if (ch == '/') ch = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryGemmKernel, ::testing::ValuesIn(all_kernels()), kernel_test_name);

}  // namespace
}  // namespace lowbit::kernels
