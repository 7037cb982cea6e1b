// Every kernel of the table against the scalar reference, bit for bit, and the reference against the formula
// of gemm_kernel.h written out once more.
#include "lowbit/kernels/gemm_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/gemm_case.h"
#include "support/effort.h"

namespace lowbit {

/// Found by GoogleTest: the name in place of an address.
static void PrintTo(const GemmKernel* kernel, std::ostream* out) {
  *out << kernel->name;
}

namespace {

using testing::GemmCase;
using testing::GemmOptions;
using testing::GemmShape;
using testing::Random;

constexpr std::uint64_t kRandomCases = testing::affordable(3000);

std::string describe(const GemmCase& c, std::uint64_t seed) {
  const GemmShape& s = c.shape();
  return "seed " + std::to_string(seed) + ": " + std::to_string(s.images) + " x " + std::to_string(s.m) +
         "x" + std::to_string(s.n) + "x" + std::to_string(s.taps) + "x" + std::to_string(s.k) + " format " +
         std::to_string(int(c.spec().format)) + " act " + std::to_string(int(c.spec().act)) + " group " +
         std::to_string(c.spec().group) + " planes " + std::to_string(c.spec().planes) + " out " +
         std::to_string(int(c.epilogue().out));
}

GemmShape random_shape(Random& random) {
  GemmShape s;
  s.images = static_cast<std::uint32_t>(random.integer(0, 5) ? 1 : 3);
  s.m = static_cast<std::uint32_t>(random.integer(1, random.integer(0, 3) ? 14 : 60));
  s.n = static_cast<std::uint32_t>(random.integer(1, random.integer(0, 3) ? 70 : 150));
  s.taps = static_cast<std::uint32_t>(random.integer(0, 1) ? 1 : random.integer(1, 9));
  s.k = static_cast<std::uint32_t>(random.integer(1, s.taps == 1 ? 90 : 40));
  return s;
}

/// Options of a matrix that a kernel of `format` and `act` may be given; an s8 kernel also packs the other
/// integer formats when they have one scale group.
GemmOptions random_options(Random& random, WeightFormat format, ActType act, const GemmShape& shape) {
  GemmOptions o;
  o.format = format;
  o.act = act;
  constexpr WeightFormat kIntegers[] = {WeightFormat::u4, WeightFormat::lut4, WeightFormat::s2,
                                        WeightFormat::b1};
  if (format == WeightFormat::s8 && random.integer(0, 5) == 0) o.format = kIntegers[random.integer(0, 3)];
  const bool affine =
      o.format == WeightFormat::s8 || o.format == WeightFormat::u4 || o.format == WeightFormat::s2;
  o.zero_points = affine && random.integer(0, 3) == 0;
  o.levels_per_row = random.integer(0, 1);
  o.small_levels = random.integer(0, 2) == 0;
  o.fp16_scales = random.integer(0, 3) != 0;
  o.extreme = random.integer(0, 7) == 0;
  o.bell = random.integer(0, 1);
  o.row_zero_128 = random.integer(0, 1);
  if (o.format == WeightFormat::b1) {
    if (random.integer(0, 1)) o.planes = static_cast<std::uint32_t>(random.integer(2, 4));
  } else if (random.integer(0, 2)) {
    // Multiples of 4 as quantizers make them, usually powers of two; or no groups.
    const std::int64_t most = std::max<std::int64_t>(1, shape.k * shape.taps / 4);
    o.group = 4 * static_cast<std::uint32_t>(random.integer(0, 2) ? 1 << random.integer(0, 5)
                                                                  : random.integer(1, most));
  }
  return o;
}

/// Code k of a stored row.
std::uint32_t code(const WeightSpec& w, std::size_t row, std::uint32_t k) {
  const std::uint32_t per_byte = testing::codes_per_byte(w.format), bits = 8 / per_byte;
  const std::uint32_t byte = w.codes[row * w.row_bytes + k / per_byte];
  return byte >> (k % per_byte * bits) & ((1u << bits) - 1);
}

/// Weight k of row j in plane p before its scale; `zero` is subtracted from affine codes.
float weight(const WeightSpec& w, std::uint32_t j, std::uint32_t p, std::uint32_t k, std::int64_t zero) {
  const std::uint32_t u = code(w, std::size_t{j} * w.planes + p, k);
  switch (w.format) {
    case WeightFormat::s8:
      return static_cast<float>(static_cast<std::int8_t>(u) - zero);
    case WeightFormat::u4:
    case WeightFormat::s2:
      return static_cast<float>(static_cast<std::int64_t>(u) - zero);
    case WeightFormat::b1:
      return u ? -1.0f : 1.0f;
    case WeightFormat::lut4:
    case WeightFormat::lut8:
      break;
  }
  const std::size_t index = (w.levels_per_row ? j * (w.format == WeightFormat::lut8 ? 256u : 16u) : 0u) + u;
  return w.act == ActType::f32 ? w.real_levels[index] : static_cast<float>(w.levels[index]);
}

float activation(const WeightSpec& w, const std::uint8_t* row, std::uint32_t k) {
  if (w.act == ActType::b1) return row[k / 8] >> k % 8 & 1 ? -1.0f : 1.0f;
  if (w.act == ActType::u8) return row[k];
  float f;
  std::memcpy(&f, row + std::size_t{k} * 4, 4);
  return f;
}

/// One element by the formula of gemm_kernel.h: the integer i of a one-group product or the float f of the
/// others.
struct Element {
  std::int64_t integer = 0;
  float real = 0;
};

Element dot(const GemmCase& c, const PackedWeights& packed, std::size_t b, std::size_t i, std::uint32_t j) {
  const WeightSpec& w = c.spec();
  const GemmLhs& lhs = c.lhs();
  const std::uint32_t per_tap = w.k / w.taps, group = w.group ? w.group : w.k,
                      groups = (w.k + group - 1) / group, all = packed.groups();
  const std::size_t row = b * lhs.rows + i;
  const std::int32_t middle = w.format == WeightFormat::u4 ? 8 : w.format == WeightFormat::s2 ? 2 : 0;
  const std::int64_t row_zero = all > 1 && c.epilogue().row_a ? c.epilogue().row_a[row] : 0;
  Element e;
  std::int64_t sum = 0;
  float real_sum = 0;
  for (std::uint32_t p = 0; p < w.planes; ++p)
    for (std::uint32_t k = 0; k < w.k; ++k) {
      const std::uint32_t tap = k / per_tap, g = w.planes > 1 ? p : k / group;
      const std::ptrdiff_t offset =
          lhs.offsets ? lhs.offsets[tap * lhs.rows + i] : static_cast<std::ptrdiff_t>(i) * lhs.row_stride;
      const float a =
          activation(w, lhs.a + static_cast<std::ptrdiff_t>(b) * lhs.image_stride + offset, k % per_tap);
      std::int64_t zero = w.zero_points ? w.zero_points[j * groups + k / group] : middle;
      if (all == 1 && !packed.weight_zero_points().empty()) zero -= packed.weight_zero_points()[j];
      const float value = weight(w, j, p, k, zero);
      if (w.act == ActType::f32) {
        real_sum = std::fma(a, value, real_sum);
      } else {
        sum += (static_cast<std::int64_t>(a) - row_zero) * static_cast<std::int64_t>(value);
      }
      if ((k + 1) % group != 0 && k + 1 != w.k) continue;
      if (w.act != ActType::f32) real_sum = static_cast<float>(static_cast<std::int32_t>(sum));
      e.integer = sum;
      e.real = all > 1 ? std::fma(real_sum, w.scales[std::size_t{j} * all + g], e.real) : real_sum;
      sum = 0;
      real_sum = 0;
    }
  return e;
}

void expect_formula(GemmCase& c, const PackedWeights& packed, std::span<const std::uint8_t> got) {
  const Epilogue& e = c.epilogue();
  for (std::size_t row = 0; row < c.lhs().images * c.lhs().rows; ++row) {
    for (std::uint32_t j = 0; j < c.spec().n; ++j) {
      const std::size_t b = row / c.lhs().rows, i = row % c.lhs().rows;
      const Element element = dot(c, packed, b, i, j);
      std::int64_t v = element.integer;
      if (e.column_constant) v += e.column_constant[j];
      if (e.row_a) v -= std::int64_t{e.row_a[row]} * e.col_a[j];
      if (e.row_b) v -= std::int64_t{e.row_b[row]} * e.col_b[j];
      const auto integer = static_cast<std::int32_t>(static_cast<std::uint64_t>(v));
      const std::uint8_t* at = got.data() + row * c.c_row_bytes() + j * (e.out == OutType::u8 ? 1u : 4u);
      if (e.out == OutType::s32) {
        ASSERT_EQ(std::memcmp(at, &integer, 4), 0) << row << "," << j;
        continue;
      }
      const bool real = packed.groups() > 1 || c.spec().act == ActType::f32;
      float f = real ? element.real : static_cast<float>(integer);
      if (e.multiplier) f *= e.multiplier[j];
      if (e.row_scale) f *= e.row_scale[row];
      if (e.addend) f += e.addend[j];
      if (e.residual) {
        const std::uint8_t r = e.residual[b * c.residual_image_stride() + i * e.residual_row_bytes + j];
        const float scaled = (static_cast<float>(r) - e.residual_zero) * e.residual_scale;
        f += scaled;
      }
      f = f < e.lo ? e.lo : f;
      f = f > e.hi ? e.hi : f;
      if (e.out == OutType::f32) {
        ASSERT_EQ(std::memcmp(at, &f, 4), 0) << row << "," << j;
      } else {
        ASSERT_EQ(int(*at), int(std::nearbyintf(f)) + e.zero_point) << row << "," << j;
      }
    }
  }
}

std::vector<const GemmKernel*> all_kernels() {
  std::size_t count = 0;
  const GemmKernel* const* kernels = gemm_kernels(&count);
  return {kernels, kernels + count};
}

TEST(GemmReference, GivesTheFormula) {
  for (const GemmKernel* kernel : all_kernels()) {
    if (!kernel->reference) continue;
    Random random(11);
    for (std::uint64_t seed = 0; seed < 120; ++seed) {
      GemmShape shape = random_shape(random);
      shape.m = shape.m % 8 + 1;
      shape.n = shape.n % 20 + 1;
      GemmOptions options = random_options(random, kernel->format, kernel->act, shape);
      options.format = kernel->format;
      if (options.group != 0 && random.integer(0, 1))
        options.group = static_cast<std::uint32_t>(random.integer(1, std::max(1u, shape.k * shape.taps - 1)));
      if (options.format == WeightFormat::b1) options.group = 0;
      if (options.format != WeightFormat::b1) options.planes = 1;
      GemmCase c(seed, shape, options);
      SCOPED_TRACE(describe(c, seed));
      const PackedWeights packed(c.spec(), Isa::scalar);
      ASSERT_EQ(&packed.kernel(), kernel);
      expect_formula(c, packed, c.run(packed, serial_executor()));
      if (HasFatalFailure()) return;
    }
  }
}

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
  for (const std::uint32_t k : {255u, 512u, 1023u, 4096u, 8191u, 8192u, 65536u}) {
    for (GemmOptions o : granularities()) {
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
  for (const GemmShape& shape : {GemmShape{2, 130, 150, 9, 15}, GemmShape{1, 600, 100, 1, 100}}) {
    for (const GemmOptions& o : granularities()) {
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
                                {WeightFormat::lut8, ActType::f32, 0xE742D91C6D00A8D6, 0xE6F7993566DADE1C}};
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
    for (const Golden& golden : kGolden) {
      if (golden.format != GetParam()->format || golden.act != GetParam()->act) continue;
      EXPECT_EQ(hash, groups ? golden.groups : golden.one_group) << GetParam()->name << " groups " << groups;
    }
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
}  // namespace lowbit
