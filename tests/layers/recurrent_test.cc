// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/recurrent.h"
#include "layers/against_interpreter.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::testing {
namespace {

using ops::Cell;
using ops::RecurrentOp;

RecurrentOp recurrent(Cell cell, std::int64_t hidden, std::int64_t batch, bool reverse) {
  RecurrentOp op;
  op.cell = cell, op.batch = batch, op.reverse = reverse;
  op.weight = Tensor(Shape{op.gates() * hidden, hidden});
  Random random(7);
  for (float& w : op.weight.data) w = 0.6f * random.uniform() - 0.3f;
  op.bias.resize(static_cast<std::size_t>(op.gates() * hidden));
  for (float& b : op.bias) b = random.uniform() - 0.5f;
  return op;
}

/// With the states at the beginning, or without.
std::vector<Values> inputs(const RecurrentOp& op, std::int64_t steps, std::int64_t samples, bool has_states) {
  std::vector<Values> all{random_values(f32_type({steps * op.batch, op.weight.shape[0]}), samples, 1)};
  for (float& x : all[0].data) x = 6 * x - 3;
  for (std::int64_t i = 0; has_states && i < op.states(); ++i)
    all.push_back(
        random_values(f32_type({op.batch, op.weight.shape[1]}), samples, static_cast<std::uint64_t>(i) + 5));
  return all;
}

TEST(Recurrent, EveryFormAgainstLoops) {
  for (const Cell cell : {Cell::gru, Cell::lstm, Cell::gru_of_reset})
    for (const std::int64_t hidden : {1, 3, 8, 17, 40})
      for (const std::int64_t batch : {1, 2, 7})
        for (const bool reverse : {false, true})
          for (const bool has_states : {false, true}) {
            RecurrentOp op = recurrent(cell, hidden, batch, reverse);
            if (reverse == has_states) op.bias.clear();
            expect_floats(op, inputs(op, 5, 2, has_states), 1e-5);
          }
}

/// int8 weights, and a state in 8 bits at every step: near the floats.
TEST(Recurrent, WithQuantizedWeights) {
  for (const Cell cell : {Cell::gru, Cell::lstm, Cell::gru_of_reset})
    for (const bool dynamic : {true, false}) {
      const RecurrentOp op = recurrent(cell, 48, 3, false);
      const std::vector<Values> in = inputs(op, 12, 2, true);
      const std::vector<double> want = expected(op, in);
      const QuantizedMatrix codes =
          quantize(MatrixView(op.weight.data.data(), op.weight.shape[0], 48), make_quantizer(Scheme("int8")));
      ops::StepSpec spec;
      for (const Values& v : in) spec.inputs.push_back(&v.type);
      const ValueType out = f32_type(shape_of(op, in));
      spec.output = &out, spec.isa = active_isa(), spec.weights = &codes, spec.dynamic = dynamic;
      const auto step = ops::make_step(op, spec);
      EXPECT_NE(step->kernel(), "");
      const Values y = run_step(*step, in, out, 2);
      double squares = 0, errors = 0;
      for (std::size_t i = 0; i < want.size(); ++i) {
        squares += want[i] * want[i];
        errors += (y.data[i] - want[i]) * (y.data[i] - want[i]);
      }
      EXPECT_LT(errors, 1e-4 * squares);
      EXPECT_GT(errors, 0.0);
    }
}

/// Dynamic codes of the state, integer sums, the kernels of the gates.
TEST(Recurrent, QuantizedHasTheSameBitsEverywhere) {
  const std::uint64_t golden[] = {7830535036021521259u, 14023050608867727522u,
                                  9362185201519456069u};  // by cell
  for (const Cell cell : {Cell::gru, Cell::lstm, Cell::gru_of_reset}) {
    const RecurrentOp op = recurrent(cell, 70, 5, true);
    const std::vector<Values> in = inputs(op, 20, 1, true);
    const QuantizedMatrix codes =
        quantize(MatrixView(op.weight.data.data(), op.weight.shape[0], 70), make_quantizer(Scheme("int8")));
    ops::StepSpec spec;
    for (const Values& v : in) spec.inputs.push_back(&v.type);
    const ValueType out = f32_type(shape_of(op, in));
    spec.output = &out, spec.isa = active_isa(), spec.weights = &codes, spec.dynamic = true;
    const Values y = run_step(*ops::make_step(op, spec), in, out, 1);
    EXPECT_EQ(fnv1a(y.data.data(), y.data.size() * sizeof(float)), golden[static_cast<int>(cell)]);
  }
}

/// In the product of the state, and in what the input gives.
TEST(Recurrent, CarriesANaNOn) {
  for (const Cell cell : {Cell::gru, Cell::lstm, Cell::gru_of_reset})
    for (const bool in_weights : {false, true}) {
      RecurrentOp op = recurrent(cell, 9, 1, false);
      std::vector<Values> in = inputs(op, 3, 1, true);
      (in_weights ? op.weight.data[2 * 9] : in[0].data[2]) = std::numeric_limits<float>::quiet_NaN();
      const Values y = run_op(op, in, f32_type(shape_of(op, in)));
      EXPECT_TRUE(std::isnan(y.data[2]));
      EXPECT_FALSE(std::isnan(y.data[3]));
      EXPECT_TRUE(std::isnan(y.data[9])) << "the step behind it";
    }
}

TEST(Recurrent, RefusesWhatDoesNotGoTogether) {
  const RecurrentOp op = recurrent(Cell::lstm, 4, 2, false);
  const auto refuse = [](ErrorCode code, const RecurrentOp& refused, std::vector<Shape> shapes) {
    expect_error(code, [&] { ops::infer_shape(refused, shapes); });
  };
  refuse(ErrorCode::shape_mismatch, op, {{5, 16}});
  refuse(ErrorCode::shape_mismatch, op, {{6, 12}});
  refuse(ErrorCode::shape_mismatch, op, {{6, 16}, {2, 4}});
  refuse(ErrorCode::shape_mismatch, op, {{6, 16}, {2, 4}, {4, 2}});
  RecurrentOp other = op;
  other.cell = Cell::gru;
  refuse(ErrorCode::shape_mismatch, other, {{6, 16}});
  other = op, other.batch = 0;
  refuse(ErrorCode::invalid_argument, other, {{6, 16}});
  other = op, other.cell = static_cast<Cell>(9);
  refuse(ErrorCode::invalid_argument, other, {{6, 16}});
  expect_error(ErrorCode::unsupported, [&] {
    run_op(op, {random_values(u8_type({6, 16}, 1.0f, 0), 1, 1)}, u8_type({10, 4}, 1.0f, 0));
  });
}

}  // namespace
}  // namespace lowbit::testing
