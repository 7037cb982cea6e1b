// SPDX-License-Identifier: Apache-2.0
// Attention and recurrent cells.
#include <fmt/format.h>

#include "io/onnx_export/write_ops.h"
#include "io/onnx_export/written_weights.h"

namespace lowbit::onnx_export {
namespace {

/// [B, heads, rows, size] of what is that or [B, rows, heads, size].
std::string by_head(GraphWriter& w, const std::string& x, bool is_by_head) {
  return is_by_head ? x : w.op("Transpose", {x}, {{"perm", Integers{0, 2, 1, 3}}});
}

/// Each head several times in a row.
std::string repeated(GraphWriter& w, const std::string& x, const Shape& s, bool is_by_head,
                     std::int64_t times) {
  if (times == 1) return x;
  const std::int64_t heads = s[is_by_head ? 1 : 2], rows = s[is_by_head ? 2 : 1];
  const std::string apart = w.op("Unsqueeze", {x, w.integers({2})});
  const std::string all = w.op("Expand", {apart, w.integers({s[0], heads, times, rows, s[3]})});
  return w.op("Reshape", {all, w.integers({s[0], heads * times, rows, s[3]})});
}

}  // namespace

void write(GraphWriter& w, NodeOf n, const ops::AttentionOp& op) {
  if (w.graph().has_batch) w.refuse("attention of samples in a batch");
  const std::vector<ValueId>& in = n.node.inputs;
  const Shape &queries = w.shape(in[0]), &keys = w.shape(in[1]), &values = w.shape(in[2]);
  const std::int64_t heads = queries[op.queries_by_head ? 1 : 2];
  const std::string q = by_head(w, w.read(in[0]), op.queries_by_head);
  const std::string k = repeated(w, by_head(w, w.read(in[1]), op.keys_by_head), keys, op.keys_by_head,
                                 heads / keys[op.keys_by_head ? 1 : 2]),
                    v = repeated(w, by_head(w, w.read(in[2]), op.values_by_head), values, op.values_by_head,
                                 heads / values[op.values_by_head ? 1 : 2]);
  const std::string turned = w.op("Transpose", {k}, {{"perm", Integers{0, 1, 3, 2}}});
  std::string scores = w.op("Mul", {w.op("MatMul", {q, turned}), w.scalar(op.scale)});
  if (in.size() > 3) scores = w.op("Add", {scores, w.read(in[3])});
  const std::string weights = w.op("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
  w.give(n.node, by_head(w, w.op("MatMul", {weights, v}), op.result_by_head));
}

/// The input is what a product has made of the steps already: in ONNX the product of the cell is one with
/// ones in its diagonal.
void write(GraphWriter& w, NodeOf n, const ops::RecurrentOp& op) {
  if (w.graph().has_batch) w.refuse("a recurrent cell of samples in a batch");
  const std::int64_t hidden = op.weight.shape[1], gates = op.gates() * hidden;
  const std::int64_t steps = w.shape(n.node.inputs[0])[0] / op.batch;
  const bool is_lstm = op.cell == ops::Cell::lstm;
  Floats ones(static_cast<std::size_t>(gates * gates), 0.0f), bias(static_cast<std::size_t>(2 * gates), 0.0f);
  for (std::int64_t i = 0; i < gates; ++i) ones[static_cast<std::size_t>(i * gates + i)] = 1.0f;
  // That of the state's product, which the reset gate of a GRU is multiplied by.
  std::copy(op.bias.begin(), op.bias.end(), bias.begin() + static_cast<std::ptrdiff_t>(gates));
  WrittenWeights weights(w, n.number, op.weight);
  std::vector<std::string> inputs{
      w.op("Reshape", {w.read(n.node.inputs[0]), w.integers({steps, op.batch, gates})}),
      w.floats(ones, {1, gates, gates}),
      w.op("Unsqueeze", {weights.by_rows({gates, hidden}), w.integers({0})}), w.floats(bias, {1, 2 * gates}),
      ""};
  for (std::size_t i = 1; i < n.node.inputs.size(); ++i)
    inputs.push_back(w.op("Unsqueeze", {w.read(n.node.inputs[i]), w.integers({0})}));
  std::vector<Attribute> attributes{{"hidden_size", hidden},
                                    {"direction", std::string(op.reverse ? "reverse" : "forward")}};
  if (!is_lstm)
    attributes.push_back({"linear_before_reset", static_cast<std::int64_t>(op.cell == ops::Cell::gru)});
  std::vector<std::string> results = w.op_of(is_lstm ? "LSTM" : "GRU", inputs, attributes, is_lstm ? 3 : 2);
  for (std::string& result : results) result = w.op("Reshape", {result, w.integers({-1, hidden})});
  w.give(n.node, w.op("Concat", results, {{"axis", std::int64_t{0}}}));
}

}  // namespace lowbit::onnx_export
