// SPDX-License-Identifier: Apache-2.0
// Operators against the interpreter, which walks logical indices in double.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "layers/layer_test.h"
#include "support/graph_interpreter.h"

namespace lowbit::testing {

/// What the interpreter makes of each sample.
template <class Op>
std::vector<double> expected(const Op& op, const std::vector<Values>& inputs) {
  Graph g;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    g.inputs.push_back(g.add_value("x" + std::to_string(i), inputs[i].type.shape));
  g.outputs = {g.add_node("y", op, g.inputs)};
  std::vector<double> all;
  for (std::int64_t b = 0; b < inputs[0].batch; ++b) {
    std::vector<Sample> samples;
    for (const Values& v : inputs) {
      const auto n = static_cast<std::size_t>(v.type.shape.elements());
      Sample s{v.type.shape, {}};
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t at = static_cast<std::size_t>(b) * n + i;
        s.data.push_back(v.type.dtype == DType::u8 ? dequantized(v, at) : v.data[at]);
      }
      samples.push_back(std::move(s));
    }
    const std::vector<double> y = interpret(g, samples)[0].data;
    all.insert(all.end(), y.begin(), y.end());
  }
  return all;
}

template <class Op>
void expect_floats(const Op& op, const std::vector<Values>& inputs, double tolerance) {
  const Values y = run_op(op, inputs, f32_type(shape_of(op, inputs)));
  const std::vector<double> want = expected(op, inputs);
  ASSERT_EQ(y.data.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(y.data[i], want[i], tolerance * (1 + std::fabs(want[i]))) << i;
}

}  // namespace lowbit::testing
