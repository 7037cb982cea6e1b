// SPDX-License-Identifier: Apache-2.0
// Recurrent: the part of an LSTM or a GRU that goes from step to step, in one direction. What the inputs of
// all steps give to the gates comes from a Linear before it, with its bias.
#pragma once

#include "lowbit/layers/op_common.h"

namespace lowbit::ops {

enum class Cell : std::uint8_t {
  gru,           ///< gates: update, reset, hidden; h = (1 - z) tanh(x + r (W h + b)) + z h
  lstm,          ///< gates: input, output, forget, cell
  gru_of_reset,  ///< a GRU with h = (1 - z) tanh(x + W (r h) + b) + z h
};

/// Inputs: steps * batch x gates * hidden, a step after the other; and, or not, the state at the beginning,
/// batch x hidden, of an LSTM h and c. The output is (steps + states) * batch x hidden: h of each step in the
/// order of the input, then the last h, and the last c of an LSTM.
struct RecurrentOp {
  static constexpr std::string_view kName = "Recurrent";
  static constexpr Arithmetic kArithmetic = Arithmetic::real;

  Tensor weight;            ///< [gates * hidden][hidden]
  std::vector<float> bias;  ///< [gates * hidden], or empty
  Cell cell = Cell::lstm;
  std::int64_t batch = 1;
  bool reverse = false;  ///< from the last step to the first

  std::int64_t gates() const { return cell == Cell::lstm ? 4 : 3; }
  std::int64_t states() const { return cell == Cell::lstm ? 2 : 1; }
  template <class V>
  void visit_fields(V&& v) {
    v("weight", weight), v("bias", bias), v("cell", cell), v("batch", batch), v("reverse", reverse);
  }
};

/// Throws Error(shape_mismatch) for shapes that do not go together.
Shape infer_shape(const RecurrentOp& op, std::span<const Shape> inputs);
/// With quantized weights the state is quantized at every step, by the range of its row; a state that was
/// reset by its own.
std::unique_ptr<Step> make_step(const RecurrentOp& op, const StepSpec& spec);

}  // namespace lowbit::ops
