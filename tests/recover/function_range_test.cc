// SPDX-License-Identifier: Apache-2.0
// Ranges of codes that functions read, against all ranges of a grid.
#include "recover/function_range.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lowbit/observe/choose_qparams.h"
#include "support/random.h"

namespace lowbit {
namespace {

using ops::Function;
using ops::FunctionOp;

std::vector<float> values(float spread) {
  testing::Random random(4);
  std::vector<float> x(3000);
  for (float& v : x) {
    v = random.gaussian();
    v *= std::fabs(v) * spread;  // tails longer than those of a Gaussian
  }
  return x;
}

/// Mean of (f(x) - f(q(x)))^2, of the values themselves.
double error(const FunctionOp& op, const std::vector<float>& x, IntRange codes, Range range) {
  const QParams q = choose_qparams(range, codes, Mapping::asymmetric);
  double sum = 0;
  for (const float v : x) {
    const float code = std::fmin(std::fmax(std::nearbyint(v / q.scale) + static_cast<float>(q.zero_point),
                                           static_cast<float>(codes.qmin)),
                                 static_cast<float>(codes.qmax));
    const float seen = q.scale * (code - static_cast<float>(q.zero_point));
    const double miss = double{ops::function_value(op, v)} - double{ops::function_value(op, seen)};
    sum += miss * miss;
  }
  return sum / static_cast<double>(x.size());
}

TEST(FunctionRange, IsAsGoodAsAnyOfAGrid) {
  const FunctionOp functions[] = {{Function::hard_swish, 1.0f / 6, 0.5f},
                                  {Function::silu},
                                  {Function::sigmoid},
                                  {Function::gelu},
                                  {Function::tanh},
                                  {Function::hard_sigmoid, 0.2f, 0.5f},
                                  {Function::leaky_relu, 0.1f},
                                  {Function::abs}};
  const std::vector<float> x = values(4.0f);
  FloatHistogram seen;
  seen.observe(x);
  for (const FunctionOp& op : functions)
    for (const int bits : {8, 4}) {
      SCOPED_TRACE(std::string(ops::function_name(op.function)) + ", " + std::to_string(bits));
      const IntRange codes = unsigned_range(bits);
      double least = error(op, x, codes, {seen.min(), seen.max()});
      for (int lo = 0; lo <= 10; ++lo)
        for (int hi = 0; hi <= 10; ++hi)
          if (lo + hi > 0)
            least = std::min(least, error(op, x, codes,
                                          {seen.min() * static_cast<float>(lo) / 10,
                                           seen.max() * static_cast<float>(hi) / 10}));
      EXPECT_LE(error(op, x, codes, detail::function_range(op, seen, codes)), 1.1 * least);
    }
}

TEST(FunctionRange, LeavesOutWhatHardSwishMakesZeroOf) {
  const FunctionOp op{Function::hard_swish, 1.0f / 6, 0.5f};
  const std::vector<float> x = values(4.0f);
  FloatHistogram seen;
  seen.observe(x);
  const IntRange codes = unsigned_range(8);
  const Range range = detail::function_range(op, seen, codes), whole{seen.min(), seen.max()};
  EXPECT_LT(whole.min, -30.0f);
  EXPECT_GT(range.min, -4.0f);
  EXPECT_LT(error(op, x, codes, range), error(op, x, codes, whole) / 3);
}

TEST(FunctionRange, TakesFunctionsThatAreNotFiniteEverywhere) {
  const std::vector<float> x = values(1.0f);
  FloatHistogram seen;
  seen.observe(x);
  for (const Function f : {Function::log, Function::reciprocal, Function::sqrt, Function::exp}) {
    const Range range = detail::function_range({f}, seen, unsigned_range(8));
    EXPECT_LE(range.min, 0.0f);
    EXPECT_GE(range.max, 0.0f);
    EXPECT_GT(range.max - range.min, 0.0f) << ops::function_name(f);
  }
}

}  // namespace
}  // namespace lowbit
