// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/deployment.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/runtime/detail/float_env.h"
#include "model/copy_samples.h"
#include "model/workspace.h"
#include "train/answers.h"
#include "train/graph_tape.h"
#include "train/quantized_graph.h"
#include "train/rounded_pass.h"
#include "train/training_samples.h"

namespace lowbit {
namespace {

std::size_t index_of(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// Elements of a value in codes that are not those that the floats stand for. Every float is a code times the
/// scale, but for its rounding.
std::int64_t count_different(const ops::TensorArg& codes, const TensorView& floats, std::int64_t count) {
  const ValueType& type = *codes.type;
  const SampleLayout layout = type.layout(), of_floats = sample_layout(type.shape, DType::f32);
  const float inverse = 1 / type.qparams.scale,
              zero = static_cast<float>(type.qparams.zero_point) + 0.5f;  // rounds what is cut below
  std::int64_t different = 0;
  for (std::int64_t s = 0; s < count; ++s)
    for (std::int64_t p = 0; p < layout.pixels(); ++p) {
      const std::uint8_t* code = codes.sample<std::uint8_t>(s) + p * layout.pixel_stride;
      const float* real = floats.data + s * floats.strides[0] + p * of_floats.pixel_stride;
      std::int64_t of_pixel = 0;
      for (std::int64_t c = 0; c < layout.channels; ++c)
        of_pixel += static_cast<std::int32_t>(real[c] * inverse + zero) != static_cast<std::int32_t>(code[c]);
      different += of_pixel;
    }
  return different;
}

class DeployedRun {
 public:
  DeployedRun(const Model& model, std::int64_t batch, std::shared_ptr<Executor> executor)
      : model_(model), state_(model, {.batch = batch, .executor = std::move(executor)}, true) {
    const Graph& graph = model.graph();
    for (const Graph::Node& node : graph.nodes)
      if (model.type(node.output).dtype == DType::u8 &&
          ops::op_arithmetic(node.op) != ops::Arithmetic::movement)
        rounded_.push_back(node.output);
    outputs_ = Tensor(with_batch(model.type(graph.outputs[0]).shape, batch));
  }

  void add(const Tensor& batch, std::span<const std::int64_t> labels, const train::RoundedPass& pass,
           DeploymentComparison& sum) {
    const auto count = static_cast<std::int64_t>(labels.size());
    run(batch, count);
    const TensorView floats = pass.output(0), integers = outputs_;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t a = train::answer_of(floats, i), b = train::answer_of(integers, i);
      sum.right_in_floats += a == labels[index_of(i)];
      sum.right_in_integers += b == labels[index_of(i)];
      sum.different_answers += a != b;
    }
    sum.samples += count;
    for (const ValueId id : rounded_) {
      const ops::TensorArg& value = state_.args()[index_of(id)];
      sum.codes += count * value.type->layout().pixels() * value.type->layout().channels;
      sum.different_codes +=
          count_different(value, pass.value(model_.graph().values[index_of(id)].name), count);
    }
  }

 private:
  void run(const Tensor& batch, std::int64_t count) {
    const FloatEnvironmentGuard defaults;
    const Graph& graph = model_.graph();
    const ops::TensorArg& in = state_.args()[index_of(graph.inputs[0])];
    copy_in(as_batch(TensorView(batch), in.type->shape), in, count);
    run_steps(state_, count);
    copy_out(state_.args()[index_of(graph.outputs[0])],
             MutableTensorView(outputs_.data.data(), with_count(outputs_.shape, count)), count);
  }

  const Model model_;
  Workspace::State state_;
  std::vector<ValueId> rounded_;  ///< values that are rounded to codes
  Tensor outputs_;
};

/// The graph of the model in floats, its weights what codes stand for, its roundings fixed.
class FloatModel {
 public:
  FloatModel(const Model& quantized, std::int64_t batch, const std::shared_ptr<Executor>& executor)
      : graph_(train::quantized_graph(quantized)),
        tape_(graph_.graph, graph_.types, batch, executor, false,
              [this](std::size_t n, train::NodeSpec& spec) {
                spec.how = {.activations = ActivationSteps::fixed};
                if (std::holds_alternative<ops::QuantizeOp>(graph_.graph.nodes[n].op))
                  return train::make_rounding(graph_, n, spec);
                return train::make_tape_node(graph_.graph.nodes[n].op, spec);
              }) {}

  train::RoundedPass pass() {
    return {[this](const TensorView& batch) { tape_.run(std::span(&batch, 1), train::Pass::inference); },
            [this](std::size_t i) { return tape_.output(i); },
            [this](const std::string& name) { return value(name); }};
  }

 private:
  TensorView value(const std::string& name) const {
    const std::vector<Graph::Value>& values = tape_.graph().values;
    const auto found =
        std::find_if(values.begin(), values.end(), [&](const Graph::Value& v) { return v.name == name; });
    return tape_.value(static_cast<std::size_t>(found - values.begin()));
  }

  train::QuantizedGraph graph_;
  train::GraphTape tape_;
};

}  // namespace

DeploymentComparison train::compare_pass(const RoundedPass& pass, const Model& deployed,
                                         const LabelledSamples& samples, std::int64_t batch,
                                         std::shared_ptr<Executor> executor) {
  DeploymentComparison sum;
  DeployedRun integers(deployed, batch, std::move(executor));
  Tensor images;
  std::vector<std::int64_t> labels, which;
  for (std::int64_t first = 0; first < samples.count(); first += batch) {
    which.resize(index_of(std::min(batch, samples.count() - first)));
    std::iota(which.begin(), which.end(), first);
    train::read_batch(samples, which, {}, -1, images, labels);
    pass.run(images);
    integers.add(images, labels, pass, sum);
  }
  return sum;
}

DeploymentComparison compare_deployed(Tape& tape, const LabelledSamples& samples) {
  const train::RoundedPass pass{[&](const TensorView& batch) { tape.infer(batch); },
                                [&](std::size_t i) { return tape.output(i); },
                                [&](const std::string& name) { return tape.value(name); }};
  const TapeOptions& options = tape.options();
  return train::compare_pass(pass, tape.quantized_model(), samples, options.batch,
                             options.executor ? options.executor : make_thread_pool(options.threads));
}

DeploymentComparison compare_deployed(const Model& quantized, const LabelledSamples& samples,
                                      std::int64_t batch, int threads) {
  if (!quantized.is_quantized() || batch < 1)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("integers are compared with floats for a quantized model and a batch of at least 1, "
                    "not for {} and {}",
                    quantized.scheme(), batch));
  if (!quantized.graph().open.empty() || !quantized.graph().has_batch)
    throw Error(ErrorCode::unsupported,
                "integers are compared with floats for models that take batches and have no open dimensions");
  if (quantized.input_count() != 1 || quantized.type(quantized.graph().inputs[0]).dtype != DType::f32)
    throw Error(ErrorCode::unsupported,
                "integers are compared with floats for models with one input, of floats");
  const std::shared_ptr<Executor> executor = make_thread_pool(threads);
  FloatModel floats(quantized, batch, executor);
  return train::compare_pass(floats.pass(), quantized, samples, batch, executor);
}

}  // namespace lowbit
