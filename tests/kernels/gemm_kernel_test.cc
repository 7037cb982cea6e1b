// Every kernel of the table against the scalar reference, bit for bit, and the reference against the formula
// of gemm_kernel.h written out once more.
#include "lowbit/kernels/gemm_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/gemm_case.h"

namespace lowbit {
namespace {

using testing::GemmCase;
using testing::GemmOptions;
using testing::GemmShape;
using testing::Random;

// aarch64 is usually emulated where this is built, some fifty times slower.
#if defined(__aarch64__)
constexpr std::uint64_t kRandomCases = 300;
#else
constexpr std::uint64_t kRandomCases = 3000;
#endif

std::string describe(const GemmCase& c, std::uint64_t seed) {
  const GemmShape& s = c.shape();
  return "seed " + std::to_string(seed) + ": " + std::to_string(s.images) + " x " + std::to_string(s.m) +
         "x" + std::to_string(s.n) + "x" + std::to_string(s.taps) + "x" + std::to_string(s.k) + " format " +
         std::to_string(int(c.spec().format)) + " out " + std::to_string(int(c.epilogue().out));
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

GemmOptions random_options(Random& random) {
  GemmOptions o;
  o.format = static_cast<WeightFormat>(random.integer(0, 5) ? 0 : random.integer(1, 2));
  o.zero_points = random.integer(0, 3) == 0;
  o.extreme = random.integer(0, 7) == 0;
  return o;
}

std::int32_t code(const WeightSpec& w, std::uint32_t j, std::uint32_t k) {
  const std::uint8_t* row = w.codes + j * w.row_bytes;
  if (w.format == WeightFormat::s8) return static_cast<std::int8_t>(row[k]);
  if (w.format == WeightFormat::u4) return k % 2 ? row[k / 2] >> 4 : row[k / 2] & 15;
  return row[k / 4] >> (k % 4 * 2) & 3;
}

/// One element by the formula of gemm_kernel.h: the integer i of a one-group product or the float f of a
/// grouped one.
struct Element {
  std::int64_t integer = 0;
  float real = 0;
};

Element dot(const GemmCase& c, const PackedWeights& packed, std::size_t b, std::size_t i, std::uint32_t j) {
  const WeightSpec& w = c.spec();
  const GemmLhs& lhs = c.lhs();
  const std::uint32_t per_tap = w.k / w.taps, group = w.group ? w.group : w.k,
                      groups = (w.k + group - 1) / group;
  const std::size_t row = b * lhs.rows + i;
  Element e;
  std::int64_t sum = 0;
  for (std::uint32_t k = 0; k < w.k; ++k) {
    const std::uint32_t tap = k / per_tap;
    const std::ptrdiff_t offset =
        lhs.offsets ? lhs.offsets[tap * lhs.rows + i] : static_cast<std::ptrdiff_t>(i) * lhs.row_stride;
    const std::int64_t a = lhs.a[static_cast<std::ptrdiff_t>(b) * lhs.image_stride + offset + k % per_tap];
    const std::int32_t middle = w.format == WeightFormat::s8 ? 0 : w.format == WeightFormat::u4 ? 8 : 2;
    std::int64_t zero = w.zero_points ? w.zero_points[j * groups + k / group] : middle;
    if (groups == 1 && !packed.weight_zero_points().empty()) zero -= packed.weight_zero_points()[j];
    const std::int64_t row_zero = groups > 1 && c.epilogue().row_a ? c.epilogue().row_a[row] : 0;
    sum += (a - row_zero) * (code(w, j, k) - zero);
    if (groups > 1 && ((k + 1) % group == 0 || k + 1 == w.k)) {
      e.real = e.real + static_cast<float>(sum) * w.scales[j * groups + k / group];
      sum = 0;
    }
  }
  e.integer = sum;
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
      float f = packed.groups() > 1 ? element.real : static_cast<float>(integer);
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

TEST(GemmReference, GivesTheFormula) {
  Random random(11);
  for (std::uint64_t seed = 0; seed < 250; ++seed) {
    GemmShape shape = random_shape(random);
    shape.m = shape.m % 8 + 1;
    shape.n = shape.n % 20 + 1;
    GemmOptions options = random_options(random);
    options.format = static_cast<WeightFormat>(seed % 3);
    if (random.integer(0, 1))
      options.group = static_cast<std::uint32_t>(random.integer(1, std::max(1u, shape.k * shape.taps - 1)));
    GemmCase c(seed, shape, options);
    SCOPED_TRACE(describe(c, seed));
    const PackedWeights packed(c.spec(), Isa::scalar);
    ASSERT_TRUE(packed.kernel().reference);
    expect_formula(c, packed, c.run(packed, serial_executor()));
    if (HasFatalFailure()) return;
  }
}

std::vector<const GemmKernel*> all_kernels() {
  std::size_t count = 0;
  const GemmKernel* const* kernels = gemm_kernels(&count);
  return {kernels, kernels + count};
}

class EveryGemmKernel : public ::testing::TestWithParam<const GemmKernel*> {
 protected:
  void SetUp() override {
    if (!has_isa(active_isa(), GetParam()->required))
      GTEST_SKIP() << "this machine, or LOWBIT_ISA, has no " << isa_name(GetParam()->required);
  }
  /// Runs the case with this kernel and with the reference; the bytes must be equal.
  void expect_same(GemmCase& c, Executor& executor) {
    const PackedWeights packed(c.spec(), GetParam()->required), reference(c.spec(), Isa::scalar);
    ASSERT_EQ(packed.kernel().name, packed.groups() == 1 ? GetParam()->name : reference.kernel().name);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(packed.panel(0)) % 64, 0u);
    const auto expected = c.run(reference, serial_executor());
    const std::vector<std::uint8_t> copy(expected.begin(), expected.end());
    const auto got = c.run(packed, executor);
    ASSERT_EQ(got.size(), copy.size());
    ASSERT_EQ(std::memcmp(got.data(), copy.data(), copy.size()), 0);
  }
};

TEST_P(EveryGemmKernel, RandomShapesGiveTheBitsOfTheReference) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  Random random(22);
  for (std::uint64_t seed = 0; seed < kRandomCases; ++seed) {
    const GemmShape shape = random_shape(random);
    GemmCase c(seed, shape, random_options(random));
    SCOPED_TRACE(describe(c, seed));
    expect_same(c, serial_executor());
    if (HasFatalFailure()) return;
  }
}

TEST_P(EveryGemmKernel, EveryTailOfRowsAndColumns) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  for (std::uint32_t n = 1; n <= 66; ++n) {
    for (std::uint32_t m = 1; m <= 26; m += n % 16 == 1 ? 1 : 7) {
      GemmCase c(n * 100 + m, {1, m, n, n % 3 + 1, (n + m) % 37 + 1}, {});
      SCOPED_TRACE(describe(c, n * 100 + m));
      expect_same(c, serial_executor());
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(EveryGemmKernel, LongRowsOfExtremeCodesDoNotSaturate) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  for (const std::uint32_t k : {255u, 512u, 1023u, 4096u, 8191u, 8192u, 65536u}) {
    GemmCase c(k, {1, k > 1023 ? 2u : 7u, k > 1023 ? 17u : 49u, 1, k}, {.extreme = true});
    SCOPED_TRACE(describe(c, k));
    expect_same(c, serial_executor());
    if (HasFatalFailure()) return;
  }
}

TEST_P(EveryGemmKernel, ThreadsDoNotChangeTheBits) {
  if (GetParam()->reference) GTEST_SKIP() << "is the reference";
  for (const int threads : {1, 2, 3, 8}) {
    const auto pool = make_thread_pool(threads);
    // Large enough to be cut: 2 images of 130 x 150 x 9 x 15 and a plain 600 x 100 x 100.
    for (const GemmShape& shape : {GemmShape{2, 130, 150, 9, 15}, GemmShape{1, 600, 100, 1, 100}}) {
      GemmCase c(shape.m, shape, {});
      expect_same(c, *pool);
      if (HasFatalFailure()) return;
    }
  }
}

// Hashes of results over fixed cases, the same constants on x86-64 and aarch64 and for every kernel.
TEST_P(EveryGemmKernel, GoldenHashes) {
  struct Golden {
    GemmShape shape;
    std::uint64_t hash;
  };
  constexpr Golden kGolden[] = {
      {{1, 64, 16, 9, 16}, 0x510B5E6D54CF5BCCu}, {{1, 16, 32, 9, 32}, 0x9624F15AFBE302BBu},
      {{2, 9, 64, 9, 64}, 0xD21A4EECF9521A46u},  {{1, 1, 100, 1, 300}, 0x98FC546922B462ECu},
      {{1, 33, 65, 1, 77}, 0xD39F7FFDB85251A2u}, {{3, 13, 10, 4, 7}, 0xDE2902557451753Au},
  };
  for (std::size_t i = 0; i < std::size(kGolden); ++i) {
    std::uint64_t hash = testing::fnv1a(nullptr, 0);
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      GemmCase c(1000 * i + seed, kGolden[i].shape, {.format = GetParam()->format});
      const PackedWeights packed(c.spec(), GetParam()->required);
      const auto bytes = c.run(packed, serial_executor());
      hash = testing::fnv1a(bytes.data(), bytes.size(), hash);
    }
    if (GetParam()->format == WeightFormat::s8) {
      EXPECT_EQ(hash, kGolden[i].hash) << "case " << i;
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
