// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/layer_weights.h"

#include <fmt/format.h>

#include <cmath>

#include "layers/weight_of.h"
#include "lowbit/core/error.h"
#include "lowbit/quant/make_quantizer.h"
#include "model/quantize_nodes.h"

namespace lowbit {
namespace {

[[noreturn]] void refuse_layer(const std::string& layer, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, fmt::format("layer '{}': {}", layer, what));
}

/// A view of the operator's own weights where they lie as a matrix does, else of `copy`.
MatrixView matrix_view(const ops::Op& op, Tensor& copy) {
  const Tensor* weight = ops::weight_of(op);
  const bool is_matrix = weight && weight->shape.rank() == 2;
  if (!is_matrix) copy = weight_matrix(op);
  const Tensor& m = is_matrix ? *weight : copy;
  return {m.data.data(), m.shape[0], m.shape[1]};
}

void check_codes(const LayerContext& layer, const QuantizedMatrix& codes) {
  if (codes.rows != layer.weights.rows || codes.cols != layer.weights.cols)
    refuse_layer(layer.name, fmt::format("codes of {}x{} were given for weights of {}x{}", codes.rows,
                                         codes.cols, layer.weights.rows, layer.weights.cols));
  try {
    codes.validate();
  } catch (const Error& e) {
    refuse_layer(layer.name, fmt::format("the codes that were given cannot be: {}", e.what()));
  }
}

void check_bias(const LayerContext& layer, const std::vector<float>& bias) {
  const std::int64_t rows = layer.weights.rows;
  if (!bias.empty() && static_cast<std::int64_t>(bias.size()) != rows)
    refuse_layer(layer.name, fmt::format("{} biases were given for {} output channels", bias.size(), rows));
  for (std::size_t i = 0; i < bias.size(); ++i)
    if (!std::isfinite(bias[i]))
      refuse_layer(layer.name, fmt::format("the bias given for channel {} is {}", i, bias[i]));
}

MatrixView importance_view(const LayerContext& layer, const std::vector<float>& importance) {
  const MatrixView& w = layer.weights;
  const auto size = static_cast<std::int64_t>(importance.size());
  if (size == 0) return {};
  if (size != w.cols && size != w.rows * w.cols)
    refuse_layer(layer.name,
                 fmt::format("an importance of {} values was given for {}x{} weights; it has one for "
                             "each column or for each weight",
                             size, w.rows, w.cols));
  return {importance.data(), w.rows, w.cols, size == w.cols ? 0 : w.cols, 1};
}

}  // namespace

Tensor weight_matrix(const ops::Op& op) {
  const Tensor* weight = ops::weight_of(op);
  if (!weight)
    throw Error(ErrorCode::invalid_argument, fmt::format("{} has no weight matrix", ops::op_name(op)));
  const Tensor& w = *weight;
  if (w.shape.rank() == 2) return w;
  const std::int64_t out = w.shape[0], channels = w.shape[1], taps = w.shape[2] * w.shape[3];
  Tensor matrix(Shape{out, taps * channels});
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t t = 0; t < taps; ++t)
        matrix.data[static_cast<std::size_t>((o * taps + t) * channels + c)] =
            w.data[static_cast<std::size_t>((o * channels + c) * taps + t)];
  return matrix;
}

QuantizedMatrix quantize_weight_matrix(const ops::Op& op, const Scheme& scheme) {
  Tensor copy;
  return quantize(matrix_view(op, copy), make_quantizer(scheme));
}

std::vector<float> quantize_weights(const Graph::Node& node, int index, const NodePolicies& policies,
                                    NodeQuantization& q) {
  Tensor copy;
  const LayerContext layer{index, node.name, node.op, q.scheme, matrix_view(node.op, copy)};
  LayerWeights chosen = policies.weights ? policies.weights(layer) : LayerWeights{};
  check_bias(layer, chosen.bias);
  if (chosen.codes) {
    if (chosen.quantizer || !chosen.importance.empty())
      refuse_layer(layer.name, "codes were given together with a quantizer or an importance");
    check_codes(layer, *chosen.codes);
    q.weights = std::move(*chosen.codes);
    q.weights_label = chosen.label.empty() ? policies.given_codes_label : chosen.label;
    return chosen.bias;
  }
  const MatrixView importance = importance_view(layer, chosen.importance);
  try {
    q.weights =
        quantize(layer.weights, chosen.quantizer ? *chosen.quantizer : make_quantizer(q.scheme), importance);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("layer '{}': {}", layer.name, e.what()));
  }
  q.weights_label = chosen.quantizer && chosen.label.empty() ? "own quantizer" : chosen.label;
  return chosen.bias;
}

}  // namespace lowbit
