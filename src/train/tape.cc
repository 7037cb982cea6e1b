// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/tape.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "lowbit/core/error.h"
#include "model/node_schemes.h"
#include "train/graph_tape.h"
#include "train/quantized_graph.h"
#include "train/trained_codes.h"

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

}  // namespace

struct Tape::State {
  /// `quantized` is null for a tape without codes.
  State(const Model& fp32, const Model* codes, const TapeOptions& given)
      : model(fp32), options(given), tape(make_tape(codes)) {}

  Model model;
  TapeOptions options;
  std::optional<Model> quantized{};
  train::QuantizedGraph converted{};  ///< of it
  train::GraphTape tape;

 private:
  train::GraphTape make_tape(const Model* codes);
  std::unique_ptr<train::TapeNode> make_node(const Graph& graph, std::size_t n, train::NodeSpec& spec) const;
};

train::GraphTape Tape::State::make_tape(const Model* codes) {
  check_model(model, options);
  std::vector<ValueType> types;
  if (codes) {
    quantized = *codes;
    converted = train::quantized_graph(model, *codes);
    types = converted.types;
  } else {
    for (std::size_t v = 0; v < model.graph().values.size(); ++v)
      types.push_back(model.type(static_cast<int>(v)));
  }
  const Graph& graph = codes ? converted.graph : model.graph();
  const std::vector<bool> normalized = normalized_nodes(graph, options.batch_norm);
  return {graph,
          std::move(types),
          options.batch,
          options.executor ? options.executor : make_thread_pool(options.threads),
          options.input_gradients,
          [&](std::size_t n, train::NodeSpec& spec) {
            spec.batch_norm = normalized[n];
            return make_node(graph, n, spec);
          }};
}

std::unique_ptr<train::TapeNode> Tape::State::make_node(const Graph& graph, std::size_t n,
                                                        train::NodeSpec& spec) const {
  spec.epsilon = options.batch_norm_epsilon;
  spec.is_frozen = options.freeze_batch_norm;
  spec.how = options.fake_quantization;
  spec.tracks_oscillations = options.track_oscillations;
  if (quantized && converted.nodes[n] >= 0) {
    const NodeQuantization& q = quantized->quantization(converted.nodes[n]);
    if (q.weights) spec.scheme = &q.scheme;
  }
  if (std::holds_alternative<ops::QuantizeOp>(graph.nodes[n].op))
    return train::make_rounding(converted, n, spec);
  return train::make_tape_node(graph.nodes[n].op, spec);
}

Tape::Tape(const Model& fp32, const TapeOptions& options)
    : state_(std::make_unique<State>(fp32, nullptr, options)) {}
Tape::Tape(const Model& fp32, const Model& quantized, const TapeOptions& options)
    : state_(std::make_unique<State>(fp32, &quantized, options)) {}
Tape::Tape(Tape&&) noexcept = default;
Tape& Tape::operator=(Tape&&) noexcept = default;
Tape::~Tape() = default;

void Tape::forward(std::span<const TensorView> inputs) {
  state_->tape.run(inputs, train::Pass::training);
}

void Tape::infer(std::span<const TensorView> inputs) {
  state_->tape.run(inputs, train::Pass::inference);
}

void Tape::adopt_statistics(std::span<const TensorView> inputs) {
  state_->tape.run(inputs, train::Pass::adoption);
}

void Tape::backward() {
  state_->tape.backward();
}

TensorView Tape::output(std::size_t i) const {
  return state_->tape.output(i);
}

TensorView Tape::value(std::string_view name) const {
  const train::GraphTape& tape = state_->tape;
  for (std::size_t v = 0; v < tape.types().size(); ++v)
    if (tape.graph().values[v].name == name && tape.types()[v].dtype == DType::f32) return tape.value(v);
  throw Error(ErrorCode::not_found, fmt::format("the tape has no value \"{}\" of floats", name));
}

MutableTensorView Tape::output_gradient(std::size_t i) {
  return state_->tape.output_gradient(i);
}

TensorView Tape::input_gradient(std::size_t i) const {
  const TensorView g = state_->tape.input_gradient(i);
  if (!state_->options.input_gradients || !g.data)
    throw Error(ErrorCode::invalid_argument, "the tape was made without gradients of inputs");
  return g;
}

std::span<const Parameter> Tape::parameters() const {
  return state_->tape.parameters();
}

std::span<const TrainingState> Tape::states() const {
  return state_->tape.states();
}

void Tape::set_batch_norm_momentum(double part) {
  if (!(part >= 0 && part <= 1))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("batch normalization: the part of a batch has to be in [0, 1], it is {}", part));
  for (const auto& node : state_->tape.nodes()) node->set_momentum(part);
}

void Tape::set_oscillation_control(const OscillationControl& control) {
  if (!(control.dampening >= 0 && control.freeze_above >= 0))
    throw Error(ErrorCode::invalid_argument, "oscillations: numbers cannot be negative");
  if (control.freeze_above > 0 && !state_->options.track_oscillations)
    throw Error(ErrorCode::invalid_argument,
                "oscillations: the tape was made without tracking them, so that nothing can be frozen");
  for (const auto& node : state_->tape.nodes()) node->set_oscillation_control(control);
}

Model Tape::model() const {
  Graph graph = state_->model.graph();
  for (std::size_t n = 0; n < state_->tape.nodes().size(); ++n) {
    const int to = state_->quantized ? state_->converted.fp32_nodes[n] : static_cast<int>(n);
    if (to >= 0) state_->tape.nodes()[n]->update(graph.nodes[index(to)].op);
  }
  return Model(std::move(graph), state_->model.data().source);
}

Model Tape::quantized_model() const {
  if (!state_->quantized)
    throw Error(ErrorCode::invalid_argument, "the tape was made without a quantized model");
  train::TrainedCodes codes(*state_->quantized, state_->converted);
  for (std::size_t n = 0; n < state_->tape.nodes().size(); ++n) codes.take(n, *state_->tape.nodes()[n]);
  return std::move(codes).model();
}

const TapeOptions& Tape::options() const {
  return state_->options;
}

std::size_t Tape::bytes() const {
  return state_->tape.bytes();
}

}  // namespace lowbit
