// SPDX-License-Identifier: Apache-2.0
// Function: every function against the C library in double, on floats and on codes.
#include "lowbit/layers/function.h"

#include "core/elementary.h"
#include "layers/layer_test.h"
#include "support/graph_interpreter.h"

namespace lowbit::testing {
namespace {

namespace el = elementary;

/// The largest error of f in units of 2^-52 of the exact value, over many x of [lo, hi].
template <class F, class Exact>
double worst(F f, Exact exact, double lo, double hi) {
  double most = 0;
  constexpr int kPoints = 20000;
  for (int i = 0; i <= kPoints; ++i) {
    const double x = lo + (hi - lo) * i / kPoints, y = exact(x);
    const double error = std::fabs(f(x) - y) / std::max(std::fabs(y), 1e-300) / 0x1p-52;
    most = std::max(most, error);
  }
  return most;
}

TEST(Elementary, AgreeWithTheCLibraryToAFewUnitsInTheLastPlace) {
  EXPECT_LT(worst(
                el::exp, [](double x) { return std::exp(x); }, -700, 700),
            4);
  EXPECT_LT(worst(
                el::log, [](double x) { return std::log(x); }, 1e-3, 1e3),
            4);
  EXPECT_LT(worst(
                el::log, [](double x) { return std::log(x); }, 0.9, 1.1),
            8);
  EXPECT_LT(worst(
                el::erf, [](double x) { return std::erf(x); }, -6.5, 6.5),
            32);
  EXPECT_LT(worst(
                el::expm1, [](double x) { return std::expm1(x); }, -2, 2),
            16);
  EXPECT_LT(worst(
                el::tanh, [](double x) { return std::tanh(x); }, -21, 21),
            16);
  EXPECT_LT(worst(
                el::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -100, 40),
            8);
  EXPECT_LT(worst([](double x) { return el::pow(x, -0.75); }, [](double x) { return std::pow(x, -0.75); },
                  0.01, 100),
            64);
}

TEST(Elementary, SpecialValues) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  EXPECT_EQ(el::exp(0), 1);
  EXPECT_EQ(el::exp(-inf), 0);
  EXPECT_EQ(el::exp(inf), inf);
  EXPECT_EQ(el::exp(-800), 0);
  EXPECT_GT(el::exp(-744), 0) << "below the normal numbers";
  EXPECT_EQ(el::log(1), 0);
  EXPECT_EQ(el::log(0), -inf);
  EXPECT_EQ(el::log(inf), inf);
  EXPECT_TRUE(std::isnan(el::log(-1)));
  EXPECT_NEAR(el::log(5e-324), std::log(5e-324), 1e-12);
  EXPECT_EQ(el::pow(-2, 3), -8);
  EXPECT_EQ(el::pow(0, 2), 0);
  EXPECT_EQ(el::pow(0, -2), inf);
  EXPECT_TRUE(std::isnan(el::pow(-2, 0.5)));
  for (const auto f : {el::exp, el::log, el::erf, el::tanh, el::sigmoid}) EXPECT_TRUE(std::isnan(f(nan)));
}

class EveryFunction : public ::testing::TestWithParam<ops::Function> {
 protected:
  ops::FunctionOp op() const {
    ops::FunctionOp op{GetParam(), 0.75f, 0.4f};
    if (op.function == ops::Function::power) op.alpha = 3;
    return op;
  }
  /// In double, from the C library.
  double exact(double x) const {
    Graph g;
    const ValueId in = g.add_value("x", {1});
    g.inputs = {in};
    g.outputs = {g.add_node("y", op(), {in})};
    const Sample s{{1}, {x}};
    return interpret(g, {&s, 1})[0].data[0];
  }
  bool takes(double x) const {
    const bool positive = GetParam() == ops::Function::log || GetParam() == ops::Function::sqrt;
    return positive || GetParam() == ops::Function::reciprocal ? x > 0 : true;
  }
};

TEST_P(EveryFunction, OfFloatsIsTheRoundedValue) {
  const ValueType type = f32_type({7, 20, 21});
  std::vector<Values> in{random_values(type, 2, 5)};
  for (float& x : in[0].data) {
    x *= 8;
    if (!takes(x)) x = std::fabs(x) + 0.01f;
  }
  for (const int threads : {1, 2}) {
    const Values y = run_op(op(), in, type, threads);
    for (std::size_t i = 0; i < y.data.size(); ++i) {
      const double want = exact(in[0].data[i]);
      ASSERT_NEAR(y.data[i], want, 2e-7 * std::fabs(want) + 2e-7 * std::fabs(in[0].data[i]) + 1e-30)
          << ops::function_name(GetParam()) << " of " << in[0].data[i];
    }
  }
}

TEST_P(EveryFunction, OfCodesIsATable) {
  const Shape shape{2, 8, 16};
  std::vector<Values> in{Values(u8_type(shape, 0.05f, 100), 1)};
  for (std::size_t i = 0; i < in[0].data.size(); ++i) in[0].data[i] = static_cast<float>(i);
  const ValueType output = u8_type(shape, 0.03f, 60);
  const Values y = run_op(op(), in, output);
  for (std::size_t i = 0; i < y.data.size(); ++i) {
    const double x = dequantized(in[0], i);
    if (!takes(x)) continue;
    const double steps = exact(x) / static_cast<double>(0.03f);
    if (std::fabs(std::fabs(steps - std::nearbyint(steps)) - 0.5) < 1e-4) continue;  // either neighbour
    ASSERT_EQ(y.data[i], code_of(exact(x), output.qparams)) << ops::function_name(GetParam()) << " of " << x;
  }
}

std::vector<ops::Function> all_functions() {
  std::vector<ops::Function> all;
  for (int f = 0; f <= static_cast<int>(ops::Function::tanh); ++f)
    all.push_back(static_cast<ops::Function>(f));
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, EveryFunction, ::testing::ValuesIn(all_functions()),
                         [](const auto& i) { return std::string(ops::function_name(i.param)); });

TEST(Function, RefusesWhatIsNone) {
  const std::vector<Shape> in{{3}};
  expect_error(ErrorCode::invalid_argument,
               [&] { ops::infer_shape(ops::FunctionOp{static_cast<ops::Function>(99)}, in); });
  expect_error(ErrorCode::invalid_argument, [&] {
    ops::infer_shape(ops::FunctionOp{ops::Function::elu, HUGE_VALF}, in);
  });
}

}  // namespace
}  // namespace lowbit::testing
