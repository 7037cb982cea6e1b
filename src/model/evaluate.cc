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
    void run_chunk(const TensorView& in, std::int64_t count) {
      views.clear();
      for (Tensor& t : outputs) {
        std::vector<std::int64_t> dims(t.shape.dims().begin(), t.shape.dims().end());
        dims[0] = count;
        views.emplace_back(t.data.data(), Shape(dims));
      }
      run(model, std::span(&in, 1), views, workspace);
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
  Side reference, other;
  OutputScores scores;
};

ModelComparer::ModelComparer(const Model& reference, const Model& other) {
  if (reference.input_count() != 1 || other.input_count() != 1)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("models to compare need one input each: {} and {} inputs",
                            reference.input_count(), other.input_count()));
  if (reference.input_shape().elements() != other.input_shape().elements())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("models to compare take inputs of shape {} and {}",
                            reference.input_shape().to_string(), other.input_shape().to_string()));
  require_same_outputs(reference, other);
  state_ = std::make_unique<State>(reference, other);
}

ModelComparer::ModelComparer(ModelComparer&&) noexcept = default;
ModelComparer& ModelComparer::operator=(ModelComparer&&) noexcept = default;
ModelComparer::~ModelComparer() = default;

void ModelComparer::add(const TensorView& given) {
  State& s = *state_;
  const TensorView batch = as_batch(given, s.reference.model.input_shape());
  const std::int64_t count = check_batch(batch.shape, s.reference.model.input_shape(), "input");
  for (std::int64_t first = 0; first < count; first += kComparedAtOnce) {
    const std::int64_t n = std::min(kComparedAtOnce, count - first);
    std::vector<std::int64_t> dims(batch.shape.dims().begin(), batch.shape.dims().end());
    dims[0] = n;
    const TensorView chunk(batch.data + first * batch.strides[0], Shape(dims), batch.strides);
    s.reference.run_chunk(chunk, n);
    s.other.run_chunk(chunk, n);
    s.scores.add(s.reference.data(), s.other.data(), n);
  }
}

ModelComparison ModelComparer::result() const {
  return state_->scores.result();
}

}  // namespace lowbit
