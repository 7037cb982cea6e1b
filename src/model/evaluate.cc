#include "lowbit/model/evaluate.h"

#include <fmt/format.h>

#include <algorithm>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "model/argmax.h"
#include "model/copy_samples.h"

namespace lowbit {
namespace {

constexpr std::int64_t kComparedAtOnce = 16;

Shape batched(const Shape& sample) {
  std::vector<std::int64_t> dims{kComparedAtOnce};
  dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
  return Shape(dims);
}

}  // namespace

struct Comparer::State {
  /// One of the two models with its workspace and room for its outputs.
  struct Side {
    explicit Side(const Model& m) : model(m), workspace(m, {.batch = kComparedAtOnce}) {
      for (std::size_t i = 0; i < m.output_count(); ++i) outputs.emplace_back(batched(m.output_shape(i)));
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
    Model model;
    Workspace workspace;
    std::vector<Tensor> outputs;
    std::vector<MutableTensorView> views;
  };

  State(const Model& a, const Model& b) : reference(a), other(b), errors(a.output_count()) {}
  Side reference, other;
  std::vector<ErrorAccumulator> errors;
  std::int64_t samples = 0, agree = 0;
};

Comparer::Comparer(const Model& reference, const Model& other) {
  if (reference.input_count() != 1 || other.input_count() != 1 ||
      reference.output_count() != other.output_count())
    throw Error(
        ErrorCode::shape_mismatch,
        fmt::format(
            "models to compare need one input each and as many outputs: {} and {} inputs, {} and {} outputs",
            reference.input_count(), other.input_count(), reference.output_count(), other.output_count()));
  if (reference.input_shape().elements() != other.input_shape().elements())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("models to compare take inputs of shape {} and {}",
                            reference.input_shape().to_string(), other.input_shape().to_string()));
  for (std::size_t i = 0; i < reference.output_count(); ++i)
    if (!(reference.output_shape(i) == other.output_shape(i)))
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("output {} of the models to compare has shape {} and {}", i,
                              reference.output_shape(i).to_string(), other.output_shape(i).to_string()));
  state_ = std::make_unique<State>(reference, other);
}

Comparer::Comparer(Comparer&&) noexcept = default;
Comparer& Comparer::operator=(Comparer&&) noexcept = default;
Comparer::~Comparer() = default;

void Comparer::add(const TensorView& batch) {
  State& s = *state_;
  const std::int64_t count = check_batch(batch.shape, s.reference.model.input_shape(), "input");
  for (std::int64_t first = 0; first < count; first += kComparedAtOnce) {
    const std::int64_t n = std::min(kComparedAtOnce, count - first);
    std::vector<std::int64_t> dims(batch.shape.dims().begin(), batch.shape.dims().end());
    dims[0] = n;
    const TensorView chunk(batch.data + first * batch.strides[0], Shape(dims), batch.strides);
    s.reference.run_chunk(chunk, n);
    s.other.run_chunk(chunk, n);
    for (std::size_t o = 0; o < s.errors.size(); ++o)
      s.errors[o].add(s.reference.outputs[o].data.data(), s.other.outputs[o].data.data(),
                      n * s.reference.model.output_shape(o).elements());
    const std::int64_t classes = s.reference.model.output_shape().elements();
    for (std::int64_t b = 0; b < n; ++b)
      s.agree += argmax(s.reference.outputs[0].data.data() + b * classes, classes) ==
                 argmax(s.other.outputs[0].data.data() + b * classes, classes);
    s.samples += n;
  }
}

Comparison Comparer::result() const {
  Comparison c;
  const Graph& graph = state_->reference.model.graph();
  for (std::size_t o = 0; o < state_->errors.size(); ++o)
    c.outputs.push_back(
        {graph.values[static_cast<std::size_t>(graph.outputs[o])].name, state_->errors[o].result()});
  c.samples = state_->samples;
  c.agree = state_->agree;
  return c;
}

}  // namespace lowbit
