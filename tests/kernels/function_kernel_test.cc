// SPDX-License-Identifier: Apache-2.0
// Function kernels: the errors of every function over floats of all sizes against the C library in double,
// the same bits from every kernel, golden hashes, and rows of softmax.
#include "kernels/functions/function_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/guarded_buffer.h"
#include "lowbit/kernels/cpu.h"
#include "support/effort.h"
#include "support/random.h"

namespace lowbit::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr double kRootHalf = 0.70710678118654752440, kRootTwoOverPi = 0.79788456080286535588;
constexpr float kAlpha = 1.702f, kBeta = 0.45f, kSlope = 0.17f;

struct FunctionCase {
  const char* name;
  void (*run)(const FunctionKernel&, const float* x, std::size_t n, float* y);
  double (*exact)(double x);
  double ulps;  ///< the largest error allowed
  std::uint64_t hash;
};

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

const FunctionCase kCases[] = {
    {"exp", [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.exp(x, n, y); },
     [](double x) { return std::exp(x); }, 1.1, 7790852432493305845u},
    {"erf", [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.erf(x, n, y); },
     [](double x) { return std::erf(x); }, 1.5, 12263327729466289448u},
    {"gelu", [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.gelu(x, n, y); },
     [](double x) { return x * (0.5 * std::erfc(-x * kRootHalf)); }, 5, 8909073075246185604u},
    {"gelu_tanh",
     [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.gelu_tanh(x, n, y); },
     [](double x) { return x * sigmoid(2 * kRootTwoOverPi * (x + 0.044715 * x * x * x)); }, 3.5,
     17107405126299409450u},
    {"sigmoid", [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.sigmoid(x, n, y); },
     [](double x) { return sigmoid(x); }, 2.5, 15254452743532507430u},
    {"softplus",
     [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.softplus(x, n, y); },
     [](double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }, 2, 5853601413921909863u},
    {"tanh", [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.tanh(x, n, y); },
     [](double x) { return std::tanh(x); }, 2.5, 9091039573683603298u},
    {"elu", [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.elu(x, n, kSlope, y); },
     [](double x) { return x < 0 ? double{kSlope} * std::expm1(x) : x; }, 2, 17130264327731677146u},
    {"leaky_relu",
     [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.leaky_relu(x, n, kSlope, y); },
     [](double x) { return x < 0 ? double{kSlope} * x : x; }, 0.5, 5530432376552935696u},
    {"silu", [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.silu(x, n, 1, y); },
     [](double x) { return x * sigmoid(x); }, 3, 16399470059946285895u},
    {"silu_of_multiples",
     [](const FunctionKernel& k, const float* x, std::size_t n, float* y) { k.silu(x, n, kAlpha, y); },
     [](double x) { return x * sigmoid(double{kAlpha} * x); }, 3, 10574766473964715150u},
    {"hard_sigmoid",
     [](const FunctionKernel& k, const float* x, std::size_t n, float* y) {
       k.hard_sigmoid(x, n, 0.25f, kBeta, y);
     },
     [](double x) { return std::clamp(0.25 * x + double{kBeta}, 0.0, 1.0); }, 0.5, 6466867921538400300u},
    {"hard_swish",
     [](const FunctionKernel& k, const float* x, std::size_t n, float* y) {
       k.hard_swish(x, n, 0.25f, kBeta, y);
     },
     [](double x) { return x * std::clamp(0.25 * x + double{kBeta}, 0.0, 1.0); }, 1.5, 6103853517768056554u},
};

/// In units in the last place of the exact value, subnormal or not; of |x| times the smallest float where
/// that is more, since gelu and silu multiply x by a factor that may be subnormal.
double error_in_ulps(float x, float y, double exact) {
  if (std::isnan(exact)) return std::isnan(y) ? 0 : HUGE_VAL;
  if (std::fabs(exact) >= 0x1.ffffffp127) return y == std::copysign(kInf, exact) ? 0 : HUGE_VAL;
  if (exact == 0) return y == 0 ? 0 : HUGE_VAL;
  const double unit = std::ldexp(1.0, std::max(std::ilogb(exact), -126) - 23);
  return std::fabs(static_cast<double>(y) - exact) /
         std::max(unit, std::fabs(static_cast<double>(x)) * 0x1p-149);
}

std::vector<const FunctionKernel*> kernels_of_this_build() {
  std::size_t count = 0;
  const FunctionKernel* const* kernels = function_kernels(&count);
  return {kernels, kernels + count};
}

class EveryFloatFunction : public ::testing::TestWithParam<FunctionCase> {};

TEST_P(EveryFloatFunction, IsRightToAFewUnitsInTheLastPlace) {
  const FunctionCase& function = GetParam();
  const FunctionKernel& kernel = select_function_kernel(active_isa());
  // All floats would take minutes for each function.
  const std::uint64_t step = 997 * (active_isa() == Isa::scalar ? 10 : 1) * testing::kSlowdown;
  constexpr std::size_t kAtOnce = 4096;
  std::vector<float> x, y(kAtOnce);
  double worst = 0;
  float worst_at = 0;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32);) {
    x.clear();
    for (; x.size() < kAtOnce && bits < (std::uint64_t{1} << 32); bits += step) {
      const float next = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
      if (std::isfinite(next)) x.push_back(next);
    }
    function.run(kernel, x.data(), x.size(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = error_in_ulps(x[i], y[i], function.exact(static_cast<double>(x[i])));
      if (!(error <= worst)) worst = error, worst_at = x[i];
    }
  }
  RecordProperty("worst_ulps", std::to_string(worst));
  printf("%s: %.3f units in the last place, at %a\n", function.name, worst, static_cast<double>(worst_at));
  EXPECT_LE(worst, function.ulps) << "at " << worst_at;
  EXPECT_GT(worst, 0.0);
}

TEST_P(EveryFloatFunction, OfSpecialValues) {
  const FunctionCase& function = GetParam();
  for (const FunctionKernel* kernel : kernels_of_this_build()) {
    if (!has_isa(detected_isa(), kernel->required)) continue;
    const float special[] = {std::numeric_limits<float>::quiet_NaN(), kInf, -kInf, 0.0f, -0.0f};
    float y[5];
    function.run(*kernel, special, 5, y);
    EXPECT_TRUE(std::isnan(y[0])) << kernel->name;
    for (int i = 1; i < 5; ++i) {
      const double exact = function.exact(static_cast<double>(special[i]));
      if (std::isnan(exact)) {
        EXPECT_TRUE(std::isnan(y[i])) << kernel->name << " of " << special[i];
      } else {
        EXPECT_LE(error_in_ulps(special[i], y[i], exact), 1) << kernel->name << " of " << special[i];
        EXPECT_EQ(std::signbit(y[i]), std::signbit(exact)) << kernel->name << " of " << special[i];
      }
    }
  }
}

/// Of all magnitudes, with most of them where functions bend.
std::vector<float> inputs(std::size_t n, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<float> x(n);
  for (float& v : x) {
    const int exponent = static_cast<int>(random.integer(-148, 12));
    const float within = 2 * random.uniform() - 1;
    v = random.integer(0, 3) ? 6 * within : std::ldexp(within, exponent);
  }
  return x;
}

TEST_P(EveryFloatFunction, HasTheSameBitsFromEveryKernel) {
  const FunctionCase& function = GetParam();
  testing::GuardedBuffer in(1 << 16), out(1 << 16);
  for (const FunctionKernel* kernel : kernels_of_this_build()) {
    if (!has_isa(detected_isa(), kernel->required)) continue;
    for (std::size_t n = 0; n < 5000; n = n < 70 ? n + 1 : 2 * n + 7) {
      const std::vector<float> x = inputs(n, n + 1);
      std::vector<float> expected(n);
      function.run(kFunctionsScalar, x.data(), n, expected.data());
      float* from = in.place<float>(n);
      float* to = out.place<float>(n);
      std::copy(x.begin(), x.end(), from);
      function.run(*kernel, from, n, to);
      ASSERT_TRUE(n == 0 || std::memcmp(expected.data(), to, n * sizeof(float)) == 0)
          << kernel->name << ' ' << n;
      function.run(*kernel, from, n, from);
      ASSERT_TRUE(n == 0 || std::memcmp(expected.data(), from, n * sizeof(float)) == 0)
          << kernel->name << ", in place";
    }
  }
}

TEST_P(EveryFloatFunction, HasTheHashOfEveryProcessor) {
  const std::vector<float> x = inputs(20000, 7);
  std::vector<float> y(x.size());
  for (const FunctionKernel* kernel : kernels_of_this_build()) {
    if (!has_isa(detected_isa(), kernel->required)) continue;
    GetParam().run(*kernel, x.data(), x.size(), y.data());
    EXPECT_EQ(testing::fnv1a(y.data(), y.size() * sizeof(float)), GetParam().hash)
        << GetParam().name << ' ' << kernel->name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryFloatFunction, ::testing::ValuesIn(kCases),
                         [](const auto& p) { return std::string(p.param.name); });

class EveryFunctionKernel : public ::testing::TestWithParam<const FunctionKernel*> {
 protected:
  void SetUp() override {
    if (!has_isa(detected_isa(), GetParam()->required))
      GTEST_SKIP() << "this machine does not run " << GetParam()->name;
  }
};

TEST_P(EveryFunctionKernel, SoftmaxOfRowsHasTheBitsOfTheReference) {
  testing::GuardedBuffer memory(1 << 16);
  for (std::size_t n = 1; n < 5000; n = n < 70 ? n + 1 : 2 * n + 7) {
    std::vector<float> x = inputs(n, n), expected(n), parts(n);
    for (float& v : x) v = std::fmin(v, 300.0f);
    kFunctionsScalar.softmax(x.data(), n, expected.data());
    double sum = 0, most = -HUGE_VAL;
    for (const float v : x) most = std::fmax(most, static_cast<double>(v));
    for (const float v : x) sum += std::exp(static_cast<double>(v) - most);
    for (std::size_t i = 0; i < n; ++i) {
      const double exact = std::exp(static_cast<double>(x[i]) - most) / sum;
      const double distance = most - static_cast<double>(x[i]);  // rounded once, which e makes much of
      ASSERT_NEAR(expected[i], exact, exact * (5e-7 + 0x1p-24 * distance) + 2e-38) << n;
    }
    float* row = memory.place<float>(n);
    std::copy(x.begin(), x.end(), row);
    ASSERT_EQ(GetParam()->largest(row, n), static_cast<float>(most));
    const float total = GetParam()->exp_sum(row, n, static_cast<float>(most), parts.data());
    ASSERT_NEAR(total, sum, 1e-6 * sum);
    ASSERT_EQ(total, kFunctionsScalar.exp_sum(row, n, static_cast<float>(most), parts.data()));
    GetParam()->softmax(row, n, row);
    ASSERT_EQ(std::memcmp(expected.data(), row, n * sizeof(float)), 0) << n;
  }
}

TEST_P(EveryFunctionKernel, RowsWithInfinitiesAndNans) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  float y[3];
  const float masked[] = {-kInf, 1.0f, -kInf};
  GetParam()->softmax(masked, 3, y);
  EXPECT_EQ(y[0], 0.0f);
  EXPECT_EQ(y[1], 1.0f);
  EXPECT_EQ(y[2], 0.0f);
  const float with_nan[] = {nan, 1.0f, 2.0f}, all_masked[] = {-kInf, -kInf, -kInf};
  EXPECT_EQ(GetParam()->largest(with_nan, 3), 2.0f);
  EXPECT_EQ(GetParam()->largest(all_masked, 3), -kInf);
  for (const float* row : {with_nan, all_masked}) {
    GetParam()->softmax(row, 3, y);
    for (const float v : y) EXPECT_TRUE(std::isnan(v));
  }
}

TEST_P(EveryFunctionKernel, SoftmaxHasTheHashOfEveryProcessor) {
  const std::vector<float> x = inputs(20001, 5);
  std::vector<float> y(x.size());
  GetParam()->softmax(x.data(), x.size(), y.data());
  EXPECT_EQ(testing::fnv1a(y.data(), y.size() * sizeof(float)), 11925596634977668408u);
}

/// What a step of an LSTM and of a GRU makes of gates, cells and states.
TEST_P(EveryFunctionKernel, CellsHaveTheBitsOfTheReference) {
  testing::GuardedBuffer x_room(1 << 15), r_room(1 << 15), c_room(1 << 13), h_room(1 << 13);
  for (std::size_t n = 1; n < 1500; n = n < 40 ? n + 1 : 2 * n + 7) {
    const std::vector<float> x = inputs(4 * n, n), r = inputs(4 * n, n + 9), c = inputs(n, 3),
                             h = inputs(n, 4);
    std::vector<float> want_c = c, want_h = h;
    float *gates_x = x_room.place<float>(4 * n), *gates_r = r_room.place<float>(4 * n);
    float *cells = c_room.place<float>(n), *state = h_room.place<float>(n);
    std::copy(x.begin(), x.end(), gates_x), std::copy(r.begin(), r.end(), gates_r);
    std::copy(c.begin(), c.end(), cells);
    kFunctionsScalar.lstm_cell(x.data(), r.data(), n, want_c.data(), want_h.data());
    GetParam()->lstm_cell(gates_x, gates_r, n, cells, state);
    ASSERT_EQ(std::memcmp(want_c.data(), cells, n * sizeof(float)), 0) << n;
    ASSERT_EQ(std::memcmp(want_h.data(), state, n * sizeof(float)), 0) << n;
    want_h = h;
    std::copy(h.begin(), h.end(), state);
    gates_x = x_room.place<float>(3 * n), gates_r = r_room.place<float>(3 * n);
    std::copy_n(x.begin(), 3 * n, gates_x), std::copy_n(r.begin(), 3 * n, gates_r);
    kFunctionsScalar.gru_cell(x.data(), r.data(), n, want_h.data());
    GetParam()->gru_cell(gates_x, gates_r, n, state);
    ASSERT_EQ(std::memcmp(want_h.data(), state, n * sizeof(float)), 0) << n;
    std::vector<float> want_gates(r.begin(), r.begin() + static_cast<std::ptrdiff_t>(2 * n));
    kFunctionsScalar.gru_reset(x.data(), h.data(), n, want_gates.data());
    std::copy(h.begin(), h.end(), state);
    gates_x = x_room.place<float>(2 * n), gates_r = r_room.place<float>(2 * n);
    std::copy_n(x.begin(), 2 * n, gates_x), std::copy_n(r.begin(), 2 * n, gates_r);
    GetParam()->gru_reset(gates_x, state, n, gates_r);
    ASSERT_EQ(std::memcmp(want_gates.data(), gates_r, 2 * n * sizeof(float)), 0) << n;
    want_h = h;
    kFunctionsScalar.gru_update(x.data(), r.data(), want_gates.data(), n, want_h.data());
    gates_x = x_room.place<float>(n), gates_r = r_room.place<float>(n), cells = c_room.place<float>(n);
    std::copy_n(x.begin(), n, gates_x), std::copy_n(r.begin(), n, gates_r),
        std::copy_n(want_gates.begin(), n, cells);
    GetParam()->gru_update(gates_x, gates_r, cells, n, state);
    ASSERT_EQ(std::memcmp(want_h.data(), state, n * sizeof(float)), 0) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, EveryFunctionKernel, ::testing::ValuesIn(kernels_of_this_build()),
                         [](const auto& p) {
                           std::string name = p.param->name;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

TEST(FunctionKernel, TheScalarOneIsLast) {
  EXPECT_EQ(kernels_of_this_build().back(), &kFunctionsScalar);
}

}  // namespace
}  // namespace lowbit::kernels
