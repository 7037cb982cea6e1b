// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/tape.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/free_memory.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/core/error.h"
#include "lowbit/runtime/detail/float_env.h"
#include "model/copy_samples.h"
#include "model/node_schemes.h"
#include "train/quantized_graph.h"
#include "train/tape_node.h"
#include "train/tape_plan.h"

namespace lowbit {
namespace {

std::size_t index(int i) {
  return static_cast<std::size_t>(i);
}

void check_model(const Model& model, const TapeOptions& options) {
  if (model.is_quantized())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a tape needs an fp32 model; this one is {}", model.scheme()));
  if (!model.graph().open.empty() || !model.graph().has_batch)
    throw Error(ErrorCode::unsupported, "a tape needs a model that takes batches and has no open dimensions");
  if (options.batch < 1)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a tape needs a batch of at least 1, not {}", options.batch));
}

std::vector<bool> normalized_nodes(const Graph& graph, const std::vector<std::string>& patterns) {
  std::vector<bool> result(graph.nodes.size());
  for (const std::string& pattern : patterns) {
    bool matches = false;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
      if (std::holds_alternative<ops::Conv2dOp>(graph.nodes[n].op) &&
          glob_match(pattern, graph.nodes[n].name))
        result[n] = matches = true;
    if (!matches)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("batch normalization: no Conv2d is called \"{}\"", pattern));
  }
  return result;
}

/// The codes replace the floats; the shape stays.
void free_memory_of_weights(ops::Op& op) {
  std::visit(
      [](auto& layer) {
        if constexpr (requires { layer.weight; }) free_memory(layer.weight.data);
      },
      op);
}

/// Samples as a tensor: channels lie last, their strides say so.
MutableTensorView as_tensor(const ops::TensorArg& arg, std::int64_t batch) {
  const Shape& s = arg.type->shape;
  const SampleLayout layout = arg.type->layout();
  MutableTensorView view(arg.sample<float>(0), with_batch(s, batch));
  view.strides[0] = layout.sample_stride;
  if (s.rank() == 3) {
    view.strides[1] = 1;
    view.strides[2] = layout.width * layout.pixel_stride;
    view.strides[3] = layout.pixel_stride;
  }
  return view;
}

}  // namespace

struct Tape::State {
  /// `quantized` is null for a tape without codes.
  State(const Model& fp32, const Model* quantized, const TapeOptions& options);

  void run(std::span<const TensorView> inputs, train::Pass pass);
  void backward();

  Model model;
  std::optional<Model> quantized;
  train::QuantizedGraph converted;  ///< of it
  Graph graph;
  std::vector<ValueType> types;
  TapeOptions options;
  std::shared_ptr<Executor> executor;
  std::vector<std::unique_ptr<train::TapeNode>> nodes;
  std::vector<Parameter> parameters;
  std::vector<TrainingState> states;
  train::TapePlan plan;
  AlignedBytes value_memory, gradient_memory, scratch;
  std::size_t value_bytes = 0, scratch_bytes = 0;
  std::vector<ops::TensorArg> values, gradients;          ///< per value; null where there is no gradient
  std::vector<std::vector<ops::TensorArg>> inputs;        ///< per node
  std::vector<std::vector<train::InputGradient>> writes;  ///< per node
  std::int64_t batch = 0;                                 ///< of the last pass
  bool is_ready = false;                                  ///< for a backward pass

 private:
  void make_nodes();
  void take_memory();
};

Tape::State::State(const Model& fp32, const Model* codes, const TapeOptions& given)
    : model(fp32), options(given) {
  check_model(fp32, options);
  executor = options.executor ? options.executor : make_thread_pool(options.threads);
  if (codes) {
    quantized = *codes;
    converted = train::quantized_graph(fp32, *codes);
    graph = converted.graph;
    types = converted.types;
  } else {
    graph = fp32.graph();
    for (std::size_t v = 0; v < graph.values.size(); ++v) types.push_back(fp32.type(static_cast<int>(v)));
  }
  make_nodes();
  take_memory();
}

void Tape::State::make_nodes() {
  const std::vector<bool> normalized = normalized_nodes(graph, options.batch_norm);
  std::vector<bool> trains;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const Graph::Node& node = graph.nodes[n];
    train::NodeSpec spec;
    spec.name = node.name;
    for (const ValueId id : node.inputs) spec.inputs.push_back(&types[index(id)]);
    spec.output = &types[index(node.output)];
    spec.batch = options.batch;
    spec.concurrency = executor->concurrency();
    spec.isa = active_isa();
    spec.batch_norm = normalized[n];
    spec.epsilon = options.batch_norm_epsilon;
    spec.is_frozen = options.freeze_batch_norm;
    spec.learns_steps = options.learn_steps;
    if (quantized && converted.nodes[n] >= 0) {
      const NodeQuantization& q = quantized->quantization(converted.nodes[n]);
      if (q.weights) spec.scheme = &q.scheme;
    }
    if (std::holds_alternative<ops::QuantizeOp>(node.op))
      nodes.push_back(train::make_fake_quantize(converted.codes[n], options.learn_steps, spec));
    else
      nodes.push_back(train::make_tape_node(node.op, spec));
    std::vector<Parameter> own = nodes.back()->parameters();
    trains.push_back(!own.empty());
    parameters.insert(parameters.end(), own.begin(), own.end());
    std::vector<TrainingState> kept = nodes.back()->states();
    states.insert(states.end(), kept.begin(), kept.end());
    scratch_bytes = std::max(scratch_bytes, nodes.back()->scratch_bytes());
  }
  std::vector<std::size_t> sizes;
  // Kernels may read 16 floats behind the last sample.
  for (const ValueType& type : types)
    sizes.push_back(static_cast<std::size_t>(options.batch) * type.sample_bytes() + 64);
  plan = train::plan_tape(graph, trains, options.input_gradients, sizes);
}

void Tape::State::take_memory() {
  std::vector<std::size_t> offsets;
  for (const ValueType& type : types) {
    offsets.push_back(value_bytes);
    value_bytes += static_cast<std::size_t>(options.batch) * type.sample_bytes() + 64;
  }
  value_memory = aligned_bytes(value_bytes);
  gradient_memory = aligned_bytes(plan.bytes);
  scratch = aligned_bytes(scratch_bytes + 64);
  for (std::size_t v = 0; v < types.size(); ++v) {
    values.emplace_back(value_memory.get() + offsets[v], &types[v]);
    gradients.push_back(plan.is_needed[v] ? ops::TensorArg(gradient_memory.get() + plan.offsets[v], &types[v])
                                          : ops::TensorArg());
  }
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    inputs.emplace_back(), writes.emplace_back();
    for (std::size_t i = 0; i < graph.nodes[n].inputs.size(); ++i) {
      const std::size_t v = index(graph.nodes[n].inputs[i]);
      inputs.back().push_back(values[v]);
      writes.back().push_back(plan.runs_backward[n] && plan.is_needed[v]
                                  ? train::InputGradient{gradients[v], plan.adds[n][i]}
                                  : train::InputGradient{});
    }
  }
}

void Tape::State::run(std::span<const TensorView> given, train::Pass pass) {
  if (given.size() != graph.inputs.size())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("the network has {} inputs, not {}", graph.inputs.size(), given.size()));
  std::int64_t count = -1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const Graph::Value& value = graph.values[index(graph.inputs[i])];
    const std::int64_t samples = check_batch(as_batch(given[i], value.shape).shape, value.shape,
                                             fmt::format("input \"{}\"", value.name));
    if (count >= 0 && samples != count)
      throw Error(
          ErrorCode::shape_mismatch,
          fmt::format("input \"{}\": {} samples where another input has {}", value.name, samples, count));
    count = samples;
  }
  if (count < 1 || count > options.batch)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("a batch of {} does not fit the tape, which was made for 1 to {}", count, options.batch));
  const FloatEnvironmentGuard defaults;
  is_ready = false;
  batch = count;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::size_t v = index(graph.inputs[i]);
    copy_in(as_batch(given[i], types[v].shape), values[v], batch);
  }
  for (std::size_t n = 0; n < nodes.size(); ++n)
    nodes[n]->forward({.batch = batch,
                       .inputs = inputs[n],
                       .output = values[index(graph.nodes[n].output)],
                       .scratch = scratch.get(),
                       .executor = executor.get(),
                       .pass = pass});
  for (const ValueId id : graph.outputs)
    std::fill_n(gradients[index(id)].data, static_cast<std::size_t>(batch) * types[index(id)].sample_bytes(),
                std::byte{0});
  is_ready = pass == train::Pass::training;
}

void Tape::State::backward() {
  if (!is_ready)
    throw Error(ErrorCode::invalid_argument, "a backward pass needs a forward pass of its own before it");
  const FloatEnvironmentGuard defaults;
  is_ready = false;
  for (std::size_t n = nodes.size(); n-- > 0;)
    if (plan.runs_backward[n])
      nodes[n]->backward({.batch = batch,
                          .inputs = inputs[n],
                          .output = values[index(graph.nodes[n].output)],
                          .gradient = gradients[index(graph.nodes[n].output)],
                          .input_gradients = writes[n],
                          .scratch = scratch.get(),
                          .executor = executor.get()});
}

Tape::Tape(const Model& fp32, const TapeOptions& options)
    : state_(std::make_unique<State>(fp32, nullptr, options)) {}
Tape::Tape(const Model& fp32, const Model& quantized, const TapeOptions& options)
    : state_(std::make_unique<State>(fp32, &quantized, options)) {}
Tape::Tape(Tape&&) noexcept = default;
Tape& Tape::operator=(Tape&&) noexcept = default;
Tape::~Tape() = default;

void Tape::forward(std::span<const TensorView> inputs) {
  state_->run(inputs, train::Pass::training);
}

void Tape::infer(std::span<const TensorView> inputs) {
  state_->run(inputs, train::Pass::inference);
}

void Tape::adopt_statistics(std::span<const TensorView> inputs) {
  state_->run(inputs, train::Pass::adoption);
}

void Tape::backward() {
  state_->backward();
}

TensorView Tape::output(std::size_t i) const {
  return as_tensor(state_->values[index(state_->graph.outputs.at(i))], state_->batch);
}

TensorView Tape::value(std::string_view name) const {
  for (std::size_t v = 0; v < state_->types.size(); ++v)
    if (state_->graph.values[v].name == name && state_->types[v].dtype == DType::f32)
      return as_tensor(state_->values[v], state_->batch);
  throw Error(ErrorCode::not_found, fmt::format("the tape has no value \"{}\" of floats", name));
}

MutableTensorView Tape::output_gradient(std::size_t i) {
  return as_tensor(state_->gradients[index(state_->graph.outputs.at(i))], state_->batch);
}

TensorView Tape::input_gradient(std::size_t i) const {
  const ops::TensorArg& g = state_->gradients[index(state_->graph.inputs.at(i))];
  if (!state_->options.input_gradients || !g.data)
    throw Error(ErrorCode::invalid_argument, "the tape was made without gradients of inputs");
  return as_tensor(g, state_->batch);
}

std::span<const Parameter> Tape::parameters() const {
  return state_->parameters;
}

std::span<const TrainingState> Tape::states() const {
  return state_->states;
}

void Tape::set_batch_norm_momentum(double part) {
  if (!(part >= 0 && part <= 1))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("batch normalization: the part of a batch has to be in [0, 1], it is {}", part));
  for (const auto& node : state_->nodes) node->set_momentum(part);
}

Model Tape::model() const {
  Graph graph = state_->model.graph();
  for (std::size_t n = 0; n < state_->nodes.size(); ++n) {
    const int to = state_->quantized ? state_->converted.fp32_nodes[n] : static_cast<int>(n);
    if (to >= 0) state_->nodes[n]->update(graph.nodes[index(to)].op);
  }
  return Model(std::move(graph), state_->model.data().source);
}

Model Tape::quantized_model() const {
  if (!state_->quantized)
    throw Error(ErrorCode::invalid_argument, "the tape was made without a quantized model");
  detail::ModelData data = state_->quantized->complete_data();
  std::map<ValueId, QParams> codes;
  for (std::size_t n = 0; n < state_->nodes.size(); ++n) {
    if (std::holds_alternative<ops::QuantizeOp>(state_->graph.nodes[n].op)) {
      codes[state_->converted.codes_of[n]] =
          static_cast<const train::FakeQuantize&>(*state_->nodes[n]).qparams();
      continue;
    }
    const std::size_t to = index(state_->converted.nodes[n]);
    state_->nodes[n]->update(data.graph.nodes[to].op);
    if (std::optional<QuantizedMatrix> matrix = state_->nodes[n]->codes()) {
      data.nodes[to].weights = std::move(matrix);
      free_memory_of_weights(data.graph.nodes[to].op);
    }
  }
  for (const auto& [id, qparams] : codes) data.types[index(id)].qparams = qparams;
  // What only moves codes has those of its input.
  for (const Graph::Node& node : data.graph.nodes)
    if (data.types[index(node.output)].dtype == DType::u8 && !codes.contains(node.output))
      data.types[index(node.output)].qparams = data.types[index(node.inputs[0])].qparams;
  return Model(std::move(data));
}

std::size_t Tape::bytes() const {
  std::size_t sum = state_->value_bytes + state_->plan.bytes + state_->scratch_bytes;
  for (const auto& node : state_->nodes) sum += node->bytes();
  return sum;
}

}  // namespace lowbit
