// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "layers/conv2d_taps_and_padding.h"
#include "layers/weight_restorer.h"
#include "lowbit/core/error.h"
#include "model/compiled_model.h"
#include "model/fuse_passes.h"
#include "model/open_graph.h"

namespace lowbit {
namespace detail {
namespace {

void check_sizes(const ModelData& data) {
  validate(data.graph);
  if (data.types.size() != data.graph.values.size() || data.nodes.size() != data.graph.nodes.size())
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("a model of {} values and {} nodes has types for {} and quantization for {}",
                    data.graph.values.size(), data.graph.nodes.size(), data.types.size(), data.nodes.size()));
  for (std::size_t v = 0; v < data.types.size(); ++v)
    if (data.types[v].dtype == DType::rows && data.scheme == "fp32")
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("an fp32 model has no rows in codes, as '{}'", data.graph.values[v].name));
}

/// Adds the step of node `i`, which may share the weights of `same`.
void add_step(const ModelData& data, std::size_t i, const ops::Step* same, RowOffsetsCache& row_offsets,
              CompiledSteps& compiled) {
  const Graph::Node& node = data.graph.nodes[i];
  const NodeQuantization& quantization = data.nodes[i];
  ops::StepSpec spec;
  for (const ValueId id : node.inputs) spec.inputs.push_back(&compiled.types[static_cast<std::size_t>(id)]);
  spec.output = &compiled.types[static_cast<std::size_t>(node.output)];
  spec.weights = quantization.weights ? &*quantization.weights : nullptr;
  spec.dynamic = quantization.weights && quantization.scheme.dynamic;
  spec.signs = quantization.weights && quantization.scheme.activation_bits == 1;
  spec.isa = active_isa();
  spec.row_offsets = &row_offsets;
  spec.same_node = same;
  try {
    compiled.steps.push_back(ops::make_step(compiled.ops[i] ? *compiled.ops[i] : node.op, spec));
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("layer '{}': {}", node.name, e.what()));
  }
  const ops::Step& step = *compiled.steps.back();
  if (!step.reads_operator()) compiled.ops[i].reset();
  if (step.reads_zero_pixel() && !node.inputs.empty())
    compiled.zero_pixel[static_cast<std::size_t>(node.inputs[0])] = true;
}

void find_quantized_inputs(const Graph& graph, CompiledSteps& compiled) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    if (!std::holds_alternative<ops::QuantizeOp>(node.op)) return;
    const ValueId id = node.inputs[0];
    const auto input = std::find(graph.inputs.begin(), graph.inputs.end(), id);
    if (input == graph.inputs.end() || !is_read_only_by(graph, id, static_cast<int>(i))) return;
    compiled.quantized_inputs.push_back(static_cast<std::size_t>(input - graph.inputs.begin()));
  }
}

}  // namespace

CompiledModel::CompiledModel(ModelData model) : data(std::move(model)) {
  check_sizes(data);
  check_rules(data.graph);
  main.types = data.types;
  main.ops.resize(data.graph.nodes.size());
  main.zero_pixel.resize(data.types.size(), false);
  RowOffsetsCache row_offsets;
  for (std::size_t i = 0; i < data.graph.nodes.size(); ++i) {
    add_step(data, i, nullptr, row_offsets, main);
    std::optional<QuantizedMatrix>& weights = data.nodes[i].weights;
    WeightSize& size = weight_sizes.emplace_back();
    if (weights) size = {weights->stored_bytes(), weights->bits_per_weight()};
    if (main.steps[i]->keeps_weights()) WeightRestorer::release(*weights);
  }
  find_quantized_inputs(data.graph, main);
}

CompiledSteps CompiledModel::at(std::span<const std::int64_t> sizes) const {
  GraphAtSizes now = at_sizes(data.graph, sizes);
  CompiledSteps compiled;
  compiled.types = data.types;
  for (std::size_t v = 0; v < compiled.types.size(); ++v) compiled.types[v].shape = now.shapes[v];
  compiled.ops = std::move(now.ops);
  compiled.zero_pixel.resize(compiled.types.size(), false);
  RowOffsetsCache row_offsets;
  for (std::size_t i = 0; i < data.graph.nodes.size(); ++i)
    add_step(data, i, main.steps[i].get(), row_offsets, compiled);
  compiled.quantized_inputs = main.quantized_inputs;
  return compiled;
}

}  // namespace detail

std::string NodeQuantization::name() const {
  const std::string of_scheme = format_scheme(scheme);
  return weights_label.empty() ? of_scheme : fmt::format("{} (weights: {})", of_scheme, weights_label);
}

namespace {

detail::ModelData fp32_data(Graph graph, std::string source) {
  infer_shapes(graph);
  detail::ModelData data;
  for (const Graph::Value& value : graph.values)
    data.types.push_back({value.shape, is_float(value.element) ? DType::f32 : DType::i64, {}});
  data.nodes.resize(graph.nodes.size());
  data.graph = std::move(graph);
  data.source = std::move(source);
  return data;
}

struct WeightCount {
  std::int64_t weights = 0;
  std::int64_t biases = 0;  ///< and other constants: floats, of which an integer takes two
};

WeightCount count(const ops::Op& op) {
  return std::visit(
      [](const auto& o) {
        WeightCount c;
        if constexpr (requires { o.weight; }) c.weights = o.weight.shape.elements();
        if constexpr (requires { o.bias; }) c.biases += static_cast<std::int64_t>(o.bias.size());
        if constexpr (requires {
                        o.scale;
                        o.shift;
                      })
          c.biases += static_cast<std::int64_t>(o.scale.size() + o.shift.size());
        if constexpr (requires { o.constants; })
          for (const arrays::Array& constant : o.constants)
            c.biases += static_cast<std::int64_t>(constant.floats.size() + 2 * constant.integers.size());
        return c;
      },
      op);
}

}  // namespace

Model::Model(detail::ModelData data)
    : compiled_(std::make_shared<const detail::CompiledModel>(std::move(data))) {}
Model::Model(Graph graph, std::string source) : Model(fp32_data(std::move(graph), std::move(source))) {}

const detail::ModelData& Model::data() const {
  return compiled_->data;
}

const Shape& Model::input_shape(std::size_t i) const {
  return type(graph().inputs.at(i)).shape;
}
const Shape& Model::output_shape(std::size_t i) const {
  return type(graph().outputs.at(i)).shape;
}

std::vector<Shape> Model::output_shapes(std::span<const Shape> inputs) const {
  if (inputs.size() != input_count())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("the model has {} inputs, not {}", input_count(), inputs.size()));
  detail::SizeReader reader(graph());
  for (std::size_t i = 0; i < inputs.size(); ++i) reader.add(i, inputs[i]);
  const detail::GraphAtSizes now = detail::at_sizes(graph(), reader.sizes());
  std::vector<Shape> shapes;
  for (const ValueId id : graph().outputs) shapes.push_back(now.shapes[static_cast<std::size_t>(id)]);
  return shapes;
}

std::size_t Model::stored_bytes() const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < graph().nodes.size(); ++i) {
    const WeightCount c = count(graph().nodes[i].op);
    const auto& weights = data().nodes[i].weights;
    bytes += static_cast<std::size_t>(c.biases) * sizeof(float);
    bytes += weights ? compiled_->weight_sizes[i].bytes : static_cast<std::size_t>(c.weights) * sizeof(float);
  }
  return bytes;
}

double Model::bits_per_weight() const {
  double bits = 0;
  std::int64_t weights = 0;
  for (std::size_t i = 0; i < graph().nodes.size(); ++i) {
    const std::int64_t n = count(graph().nodes[i].op).weights;
    const auto& quantized = data().nodes[i].weights;
    bits += static_cast<double>(n) * (quantized ? compiled_->weight_sizes[i].bits_per_weight : 32.0);
    weights += n;
  }
  return weights ? bits / static_cast<double>(weights) : 32.0;
}

std::optional<QuantizedMatrix> Model::weights(int node) const {
  const auto i = static_cast<std::size_t>(node);
  std::optional<QuantizedMatrix> weights = data().nodes.at(i).weights;
  if (weights && compiled_->main.steps[i]->keeps_weights())
    compiled_->main.steps[i]->restore_weights(*weights);
  return weights;
}

std::size_t Model::weight_bytes(int node) const {
  return compiled_->weight_sizes.at(static_cast<std::size_t>(node)).bytes;
}

detail::ModelData Model::complete_data() const {
  detail::ModelData complete = data();
  for (std::size_t i = 0; i < complete.nodes.size(); ++i)
    complete.nodes[i].weights = weights(static_cast<int>(i));
  return complete;
}

std::string Model::kernel(int node) const {
  return compiled_->main.steps.at(static_cast<std::size_t>(node))->kernel();
}

PackReport Model::pack_report(int node) const {
  return compiled_->main.steps.at(static_cast<std::size_t>(node))->pack_report();
}

}  // namespace lowbit
