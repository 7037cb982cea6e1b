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

}  // namespace

struct ModelComparer::State {
  /// One of the two models with its workspace and room for its outputs.
  struct Side {
    explicit Side(const Model& m) : model(m), workspace(m, {.batch = kComparedAtOnce}) {
      for (std::size_t i = 0; i < m.output_count(); ++i)
        outputs.emplace_back(with_batch(m.output_shape(i), kComparedAtOnce));
    }
    /// `in`: tensors or arrays, one an input.
    template <class In>
    void run_chunk(std::span<const In> in, std::int64_t count) {
      views.clear();
      for (Tensor& t : outputs) views.emplace_back(t.data.data(), with_count(t.shape, count));
      run(model, in, std::span<const MutableTensorView>(views), workspace);
    }
    std::vector<const float*> data() const {
      std::vector<const float*> pointers;
      for (const Tensor& t : outputs) pointers.push_back(t.data.data());
      return pointers;
    }
    Model model;
    Workspace workspace;
    std::vector<Tensor> outputs;
    std::vector<MutableTensorView> views;
  };

  State(const Model& a, const Model& b) : reference(a), other(b), scores(a) {}

  template <class In>
  void run_chunk(std::span<const In> in, std::int64_t count) {
    reference.run_chunk(in, count);
    other.run_chunk(in, count);
    scores.add(reference.data(), other.data(), count);
  }
  Side reference, other;
  OutputScores scores;
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
  const TensorView batch = as_batch(given, s.reference.model.input_shape());
  const std::int64_t count = check_batch(batch.shape, s.reference.model.input_shape(), "input");
  for (std::int64_t first = 0; first < count; first += kComparedAtOnce) {
    const std::int64_t n = std::min(kComparedAtOnce, count - first);
    const TensorView chunk = slice_batch(batch, first, n);
    s.run_chunk(std::span(&chunk, 1), n);
  }
}

void ModelComparer::add(std::span<const arrays::ArrayView> batch) {
  const Model& model = state_->reference.model;
  const std::int64_t count = check_inputs(model, batch);
  for (std::int64_t first = 0; first < count; first += kComparedAtOnce) {
    const std::int64_t n = std::min(kComparedAtOnce, count - first);
    state_->run_chunk(std::span<const arrays::ArrayView>(slice_batch(model, batch, first, n)), n);
  }
}

ModelComparison ModelComparer::result() const {
  return state_->scores.result();
}

}  // namespace lowbit
