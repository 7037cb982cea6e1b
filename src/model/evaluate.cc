// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/evaluate.h"

#include <fmt/format.h>

#include <algorithm>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "model/copy_samples.h"
#include "model/output_scores.h"

namespace lowbit {
namespace {

constexpr std::int64_t kComparedAtOnce = 16;

/// Where dimensions are open, outputs of a batch may be large.
std::int64_t compared_at_once(const Model& model) {
  return model.graph().open.empty() ? kComparedAtOnce : 1;
}

}  // namespace

struct ModelComparer::State {
  /// One of the two models with its workspace and room for its outputs.
  struct Side {
    explicit Side(const Model& m) : model(m), workspace(m, {.batch = compared_at_once(m)}) {
      for (std::size_t i = 0; i < m.output_count(); ++i) shapes.push_back(m.output_shape(i));
      outputs.resize(shapes.size());
    }
    /// `in`: tensors or arrays, one an input.
    template <class In>
    void run_chunk(std::span<const In> in, std::int64_t count) {
      views.clear();
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        outputs[i].resize(static_cast<std::size_t>(count * shapes[i].elements()));
        views.emplace_back(outputs[i].data(), with_batch(shapes[i], count));
      }
      run(model, in, std::span<const MutableTensorView>(views), workspace);
    }
    std::vector<const float*> data() const {
      std::vector<const float*> pointers;
      for (const std::vector<float>& output : outputs) pointers.push_back(output.data());
      return pointers;
    }
    Model model;
    Workspace workspace;
    std::vector<Shape> shapes;  ///< of samples of outputs
    std::vector<std::vector<float>> outputs;
    std::vector<MutableTensorView> views;
  };

  State(const Model& a, const Model& b)
      : reference(a), other(b), scores(a), at_once(std::min(compared_at_once(a), compared_at_once(b))) {}

  /// Gets ready for inputs of these shapes.
  void set_inputs(std::span<const Shape> inputs) {
    if (reference.model.graph().open.empty() && other.model.graph().open.empty()) return;
    reference.shapes = reference.model.output_shapes(inputs);
    other.shapes = other.model.output_shapes(inputs);
    if (reference.shapes != other.shapes)
      throw Error(ErrorCode::shape_mismatch, "the models to compare give outputs of different shapes");
    scores.set_shapes(reference.shapes);
  }

  template <class In>
  void run_chunk(std::span<const In> in, std::int64_t count) {
    reference.run_chunk(in, count);
    other.run_chunk(in, count);
    scores.add(reference.data(), other.data(), count);
  }
  Side reference, other;
  OutputScores scores;
  std::int64_t at_once;
};

ModelComparer::ModelComparer(const Model& reference, const Model& other) {
  if (reference.input_count() != other.input_count())
    throw Error(ErrorCode::shape_mismatch, fmt::format("models to compare have {} and {} inputs",
                                                       reference.input_count(), other.input_count()));
  for (std::size_t i = 0; i < reference.input_count(); ++i)
    if (reference.input_shape(i).elements() != other.input_shape(i).elements())
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("models to compare take inputs of shape {} and {}",
                              reference.input_shape(i).to_string(), other.input_shape(i).to_string()));
  require_same_outputs(reference, other);
  state_ = std::make_unique<State>(reference, other);
}

ModelComparer::ModelComparer(ModelComparer&&) noexcept = default;
ModelComparer& ModelComparer::operator=(ModelComparer&&) noexcept = default;
ModelComparer::~ModelComparer() = default;

void ModelComparer::add(const TensorView& given) {
  State& s = *state_;
  check_one_input(s.reference.model);
  const Shape sample = sample_shape(s.reference.model, given.shape);
  const TensorView batch = as_batch(given, sample);
  const std::int64_t count = check_batch(batch.shape, sample, "input");
  s.set_inputs(std::span(&batch.shape, 1));
  for (std::int64_t first = 0; first < count; first += s.at_once) {
    const std::int64_t n = std::min(s.at_once, count - first);
    const TensorView chunk = slice_batch(batch, first, n);
    s.run_chunk(std::span(&chunk, 1), n);
  }
}

void ModelComparer::add(std::span<const arrays::ArrayView> batch) {
  const Model& model = state_->reference.model;
  const std::int64_t count = check_inputs(model, batch);
  state_->set_inputs(sample_shapes(model, batch));
  const std::int64_t at_once = state_->at_once;
  for (std::int64_t first = 0; first < count; first += at_once) {
    const std::int64_t n = std::min(at_once, count - first);
    state_->run_chunk(std::span<const arrays::ArrayView>(slice_batch(model, batch, first, n)), n);
  }
}

ModelComparison ModelComparer::result() const {
  return state_->scores.result();
}

}  // namespace lowbit
