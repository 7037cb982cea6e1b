// SPDX-License-Identifier: Apache-2.0
// Products: convolutions, layers of weights, and of two values. On codes each is an operator on floats
// between DequantizeLinear and QuantizeLinear, which runtimes make an integer one of; where its result stays
// floats, or ranges are found when it runs, the integer operator is written itself.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/onnx_export/write_ops.h"
#include "io/onnx_export/written_weights.h"
#include "model/runtime_arithmetic.h"

namespace lowbit::onnx_export {
namespace {

void refuse_signs(const GraphWriter& w, NodeOf n) {
  const NodeQuantization& q = w.model().quantization(n.number);
  if (q.weights && q.scheme.activation_bits == 1) w.refuse("its activations are signs");
}

/// What a runtime adds a bias in: input scale times weight scale.
Floats bias_units(const Floats& bias, float input_scale, const Floats& scales) {
  Floats units;
  for (std::size_t i = 0; i < bias.size(); ++i)
    units.push_back(input_scale * scales[scales.size() == 1 ? 0 : i]);
  return units;
}

/// As int32.
std::string integer_bias(GraphWriter& w, const Floats& bias, const Floats& units) {
  std::string raw;
  for (std::size_t i = 0; i < bias.size(); ++i) {
    constexpr double kMost = std::numeric_limits<std::int32_t>::max();
    const double code = std::nearbyint(static_cast<double>(bias[i]) / static_cast<double>(units[i]));
    const auto stored = static_cast<std::int32_t>(std::clamp(std::isnan(code) ? 0.0 : code, -kMost, kMost));
    raw.append(reinterpret_cast<const char*>(&stored), sizeof stored);
  }
  return w.constant(onnx::TensorProto::INT32, raw, {static_cast<std::int64_t>(bias.size())});
}

/// The same behind a DequantizeLinear.
std::string real_bias(GraphWriter& w, const Floats& bias, float input_scale, const Floats& scales) {
  const Floats units = bias_units(bias, input_scale, scales);
  const Integers dims{static_cast<std::int64_t>(bias.size())};
  const std::string zeros(bias.size() * sizeof(std::int32_t), '\0');
  return w.op("DequantizeLinear",
              {integer_bias(w, bias, units), w.floats(units, dims),
               w.constant(onnx::TensorProto::INT32, zeros, dims)},
              {{"axis", std::int64_t{0}}});
}

/// Integer sums as floats: times the scales of both sides, with a bias; channels along the last dimension or,
/// of images, the second.
std::string real_sums(GraphWriter& w, const std::string& sums, const std::string& input_scale,
                      const WrittenWeights& weights, const Floats& bias, bool of_images) {
  Integers dims{weights.rows()};
  if (of_images) dims.insert(dims.end(), {1, 1});
  const std::string scale = w.op("Mul", {w.floats(weights.scales(), dims), input_scale});
  const std::string result =
      w.op("Mul", {w.op("Cast", {sums}, {{"to", std::int64_t{onnx::TensorProto::FLOAT}}}), scale});
  return bias.empty() ? result : w.op("Add", {result, w.floats(bias, dims)});
}

std::vector<Attribute> window_attributes(const ops::Conv2dOp& op) {
  const auto list = [](const auto& a) { return Integers(a.begin(), a.end()); };
  return {{"kernel_shape", list(op.window.kernel)},
          {"strides", list(op.window.stride)},
          {"dilations", list(op.window.dilation)},
          {"pads", list(op.window.pad)},
          {"group", op.groups}};
}

/// Codes to codes; a sum is of codes, as summand_qparams() has them.
void write_qlinear(GraphWriter& w, NodeOf n, const ops::Conv2dOp& op, WrittenWeights& weights) {
  const ValueId input = n.node.inputs[0], output = n.node.output;
  const bool has_sum = n.node.inputs.size() > 1;
  const ValueType& type = w.model().type(output);
  const Codes x = w.read_image_codes(input),
              y = w.codes_to_give(has_sum ? summand_qparams(type, w.model().type(n.node.inputs[1]))
                                          : type.qparams);
  const Integers dims(op.weight.shape.dims().begin(), op.weight.shape.dims().end());
  std::vector<std::string> inputs{x.name,
                                  x.scale,
                                  x.zero_point,
                                  weights.integers_by_rows(dims),
                                  w.floats(weights.scales(), {weights.rows()}),
                                  weights.zero_points(),
                                  y.scale,
                                  y.zero_point};
  if (!op.bias.empty())
    inputs.push_back(
        integer_bias(w, op.bias, bias_units(op.bias, w.model().type(input).qparams.scale, weights.scales())));
  const std::string codes = w.op("QLinearConv", inputs, window_attributes(op));
  if (!has_sum) return w.give_image_codes(n.node, codes, op.activation);
  const std::string product = w.op("DequantizeLinear", {codes, y.scale, y.zero_point});
  w.give_images(n.node, w.op("Add", {product, w.read_images(n.node.inputs[1])}), op.activation);
}

}  // namespace

void write(GraphWriter& w, NodeOf n, const ops::Conv2dOp& op) {
  refuse_signs(w, n);
  const ValueId input = n.node.inputs[0], output = n.node.output;
  const Shape& kernel = op.weight.shape;
  WrittenWeights weights(w, n.number, op.weight, {kernel[1], kernel[2], kernel[3]});
  const Integers dims(kernel.dims().begin(), kernel.dims().end());
  std::string result;
  const bool in_codes = w.is_coded(input), has_sum = n.node.inputs.size() > 1;
  const bool is_qlinear = w.form() == OnnxForm::qlinear;
  const bool rounds = in_codes && w.is_coded(output) &&
                      (!has_sum || (w.rounds_sums() && (!is_qlinear || w.is_coded(n.node.inputs[1]))));
  if (is_qlinear && rounds && weights.are_integers() && !weights.have_zero_points())
    return write_qlinear(w, n, op, weights);
  if (weights.are_integers() && !rounds && !weights.have_zero_points()) {
    const Codes codes = in_codes ? w.read_image_codes(input) : w.quantized_when_run(w.read_images(input));
    const std::string sums = w.op(
        "ConvInteger", {codes.name, weights.integers_by_rows(dims), codes.zero_point}, window_attributes(op));
    result = real_sums(w, sums, codes.scale, weights, op.bias, true);
  } else {
    std::vector<std::string> inputs{w.read_images(input), weights.by_rows(dims)};
    const bool integers = in_codes && weights.are_integers();
    const float scale = w.model().type(input).qparams.scale;
    if (!op.bias.empty())
      inputs.push_back(integers ? real_bias(w, op.bias, scale, weights.scales())
                                : w.floats(op.bias, {weights.rows()}));
    result = w.op("Conv", inputs, window_attributes(op));
  }
  if (has_sum) {
    const ValueId added = n.node.inputs[1];
    if (rounds && w.is_coded(added))
      result = w.through_codes(result, summand_qparams(w.model().type(output), w.model().type(added)));
    result = w.op("Add", {result, w.read_images(added)});
  }
  w.give_images(n.node, result, op.activation);
}

void write(GraphWriter& w, NodeOf n, const ops::LinearOp& op) {
  refuse_signs(w, n);
  const ValueId input = n.node.inputs[0], output = n.node.output;
  const Shape& samples = w.shape(input);
  WrittenWeights::Image image{};
  const bool has_order = op.flattens_input && samples[0] > 1 && samples[1] * samples[2] > 1;
  if (has_order) image = {samples[0], samples[1], samples[2]};
  WrittenWeights weights(w, n.number, op.weight, image);
  const std::int64_t columns = op.weight.shape[1];
  Integers flat{columns};
  if (w.graph().has_batch) flat.insert(flat.begin(), -1);
  const auto read = [&] { return op.flattens_input ? w.read_reshaped(input, flat) : w.read(input); };
  // Zeros would keep a runtime from making an integer operator of the product and its rounding.
  const bool has_bias = std::ranges::any_of(op.bias, [](float b) { return b != 0; });
  const Floats bias = has_bias ? op.bias : Floats();
  const auto add_bias = [&](const std::string& sums) {
    return has_bias ? w.op("Add", {sums, w.floats(bias, {weights.rows()})}) : sums;
  };
  const bool in_codes = w.is_coded(input);
  if (weights.are_integers() && (!in_codes || w.form() == OnnxForm::qlinear)) {
    const Codes codes = !in_codes           ? w.quantized_when_run(read())
                        : op.flattens_input ? w.read_codes_reshaped(input, flat)
                                            : w.read_codes(input);
    if (in_codes && w.is_coded(output) && !has_bias) {
      const Codes y = w.codes_to_give(w.model().type(output).qparams);
      const std::string product =
          w.op("QLinearMatMul",
               {codes.name, codes.scale, codes.zero_point, weights.integers_by_columns(),
                w.floats(weights.scales(), {weights.rows()}), weights.zero_points(), y.scale, y.zero_point});
      return w.give_codes(n.node, product, op.activation);
    }
    // QLinearMatMul has no bias.
    std::vector<std::string> inputs{codes.name, weights.integers_by_columns(), codes.zero_point};
    if (weights.have_zero_points()) inputs.push_back(weights.zero_points());
    const std::string sums = w.op("MatMulInteger", inputs);
    return w.give(n.node, real_sums(w, sums, codes.scale, weights, bias, false), op.activation);
  }
  if (!in_codes) {
    if (const std::optional<WrittenWeights::NBits> bits = weights.nbits()) {
      std::vector<std::string> inputs{read(), bits->codes, bits->scales};
      if (!bits->zero_points.empty()) inputs.push_back(bits->zero_points);
      const std::string sums =
          w.op("MatMulNBits", inputs,
               {{"K", columns}, {"N", weights.rows()}, {"bits", bits->bits}, {"block_size", bits->block}},
               "com.microsoft");
      return w.give(n.node, add_bias(sums), op.activation);
    }
  }
  const bool is_matrix = w.graph().has_batch && w.shape(output).rank() == 1;
  if (!is_matrix)
    return w.give(n.node, add_bias(w.op("MatMul", {read(), weights.by_columns()})), op.activation);
  std::vector<std::string> inputs{read(), weights.by_columns()};
  const float scale = w.model().type(input).qparams.scale;
  if (has_bias)
    inputs.push_back(in_codes && weights.are_integers() ? real_bias(w, bias, scale, weights.scales())
                                                        : w.floats(bias, {weights.rows()}));
  w.give(n.node, w.op("Gemm", inputs), op.activation);
}

void write(GraphWriter& w, NodeOf n, const ops::MatMulOp&) {
  const ValueId left = n.node.inputs[0], right = n.node.inputs[1], output = n.node.output;
  if (w.form() != OnnxForm::qlinear || !w.is_coded(left) || !w.is_coded(right) || !w.is_coded(output))
    return w.give(n.node, w.op("MatMul", {w.read(left), w.read(right)}));
  const Codes a = w.read_codes(left), b = w.read_codes(right),
              y = w.codes_to_give(w.model().type(output).qparams);
  w.give_codes(n.node, w.op("QLinearMatMul", {a.name, a.scale, a.zero_point, b.name, b.scale, b.zero_point,
                                              y.scale, y.zero_point}));
}

}  // namespace lowbit::onnx_export
