// SPDX-License-Identifier: Apache-2.0
// Linear with quantized weights: one product per call over all rows of the batch. The input is u8 codes, or
// floats: quantized row by row (dynamic), or multiplied as they are (weight-only). Then the output is f32.

#include <fmt/format.h>

#include "layers/linear_product.h"
#include "layers/linear_steps.h"
#include "layers/step_common.h"

namespace lowbit {
namespace {

/// How the rows of a value follow each other: one a sample, or the pixels of each.
class RowLayout {
 public:
  RowLayout(const ValueType& type, std::int64_t rows_per_sample)
      : rows_(rows_per_sample),
        sample_bytes_(static_cast<std::ptrdiff_t>(type.sample_bytes())),
        pixel_bytes_(type.layout().pixel_stride *
                     static_cast<std::ptrdiff_t>(type.dtype == DType::u8 ? 1 : sizeof(float))) {}

  RowBlock block(std::byte* data, std::int64_t batch) const {
    const auto samples = static_cast<std::size_t>(batch);
    // One row a sample: the whole batch is one matrix.
    if (rows_ == 1) return {data, 1, samples, 0, sample_bytes_};
    return {data, samples, static_cast<std::size_t>(rows_), sample_bytes_, pixel_bytes_};
  }

 private:
  std::int64_t rows_;
  std::ptrdiff_t sample_bytes_, pixel_bytes_;
};

class LinearQuantizedWeights final : public ops::SharingStep<LinearQuantizedWeights> {
 public:
  LinearQuantizedWeights(const ops::LinearOp& op, const ops::StepSpec& spec)
      : rows_per_sample_(op.flattens_input ? 1 : spec.inputs[0]->layout().pixels()),
        in_(*spec.inputs[0], rows_per_sample_),
        out_(*spec.output, rows_per_sample_),
        product_(make_product(op, spec)) {}

  std::size_t scratch_bytes(std::int64_t batch, int) const override {
    return product_->scratch_bytes(static_cast<std::size_t>(batch * rows_per_sample_));
  }
  std::string kernel() const override { return product_->weights().kernel().name; }
  PackReport pack_report() const override { return product_->weights().report(); }
  bool keeps_weights() const override { return product_->restorer().holds(product_->weights()); }
  void restore_weights(QuantizedMatrix& weights) const override {
    product_->restorer().prepare(weights);
    WeightRestorer::restore(product_->weights(), 0, weights);
  }

  void run(const ops::StepArgs& args) const noexcept override {
    product_->run(in_.block(args.inputs[0].data, args.batch), out_.block(args.output.data, args.batch),
                  args.scratch, *args.executor);
  }

 private:
  static std::shared_ptr<const LinearProduct> make_product(const ops::LinearOp& op,
                                                           const ops::StepSpec& spec) {
    if (const auto* same = ops::same_node<LinearQuantizedWeights>(spec)) return same->product_;
    return std::make_shared<LinearProduct>(*spec.weights, row_input(spec), op.bias, quantization_of(spec),
                                           op.activation, spec.isa, sign_scale(spec));
  }

  std::int64_t rows_per_sample_;
  RowLayout in_, out_;
  std::shared_ptr<const LinearProduct> product_;
};

}  // namespace

std::unique_ptr<ops::Step> ops::make_linear_quantized_weights(const ops::LinearOp& op,
                                                              const ops::StepSpec& spec) {
  const SampleLayout in = spec.inputs[0]->layout();
  const std::int64_t features = op.flattens_input ? in.pixels() * in.channels : in.channels;
  if (spec.weights->cols != features)
    throw Error(ErrorCode::shape_mismatch, fmt::format("Linear has weights for {} inputs, its input has {}",
                                                       spec.weights->cols, features));
  if (op.flattens_input && !spec.dynamic && in.pixels() > 1 && in.pixel_stride != in.channels)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("Linear cannot read {} 8-bit channels without a copy: not a multiple of 4", in.channels));
  return std::make_unique<LinearQuantizedWeights>(op, spec);
}

}  // namespace lowbit
