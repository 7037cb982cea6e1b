// Linear on u8 codes: one product per call over all rows of the batch. With a dynamic input each f32 row is
// quantized on its own first, and the output is f32.

#include <fmt/format.h>

#include <algorithm>

#include "layers/column_terms.h"
#include "layers/dynamic_input.h"
#include "layers/linear_steps.h"
#include "layers/row_memory.h"
#include "lowbit/kernels/gemm.h"
#include "lowbit/quant/effective.h"

namespace lowbit {
namespace {

class LinearInt8 final : public Step {
 public:
  LinearInt8(const ops::Linear& op, const StepSpec& spec)
      : LinearInt8(op, spec, EffectiveWeights(*spec.weights, ActType::u8)) {}

  std::size_t scratch_bytes(std::int64_t batch, int) const override { return carve(nullptr, batch).bytes; }
  std::string kernel() const override { return weights_.kernel().name; }
  PackReport pack_report() const override { return weights_.report(); }

  void run(const StepArgs& args) const noexcept override {
    const RowMemory memory = carve(args.scratch, args.batch);
    GemmLhs lhs;
    GemmOut out;
    if (dynamic_) {
      quantize_input(args, memory);
      lhs.a = memory.codes;
      lhs.rows = rows(args.batch);
      lhs.row_stride = row_stride();
    } else {
      lhs.a = args.inputs[0].sample<std::uint8_t>(0);
      set_rows(lhs.images, lhs.rows, args.batch);
      lhs.image_stride = in_.sample_stride;
      lhs.row_stride = rows_per_sample_ == 1 ? in_.sample_stride : in_.pixel_stride;
      if (memory.row_a) std::fill_n(memory.row_a, rows(args.batch), quantization_.input->zero_point);
    }
    const std::size_t sample = args.output.type->sample_bytes();
    // One row a sample: the whole batch is one matrix. The driver sees `images` of `rows`; both splits
    // address the same memory.
    if (dynamic_ && rows_per_sample_ > 1) {
      lhs.images = static_cast<std::size_t>(args.batch);
      lhs.rows = static_cast<std::size_t>(rows_per_sample_);
      lhs.image_stride = rows_per_sample_ * row_stride();
    }
    out.c = args.output.data;
    out.c_image_stride = static_cast<std::ptrdiff_t>(sample);
    out.c_row_bytes = rows_per_sample_ == 1 ? sample : static_cast<std::size_t>(out_.pixel_stride) * element_;
    out.epilogue = base_epilogue(activation_, quantization_);
    set_columns(out.epilogue, terms_, weights_, dynamic_);
    out.epilogue.row_scale = memory.row_scale;
    out.epilogue.row_a = memory.row_a;
    if (memory.row_b) {
      if (!dynamic_) row_sums(lhs, weights_, memory.row_b);
      out.epilogue.row_b = memory.row_b;
    }
    gemm(lhs, weights_, out, *args.executor);
  }

 private:
  LinearInt8(const ops::Linear& op, const StepSpec& spec, const EffectiveWeights& weights)
      : activation_(op.activation),
        dynamic_(spec.dynamic),
        features_(spec.weights->cols),
        in_(spec.inputs[0]->layout()),
        out_(spec.output->layout()),
        element_(spec.output->dtype == DType::u8 ? 1 : sizeof(float)),
        rows_per_sample_(op.flattens_input ? 1 : in_.pixels()),
        quantization_(quantization_of(spec)),
        weights_(weights.spec(), spec.isa),
        terms_(weights_, weights.matrix().scales, weights.units(), op.bias, quantization_) {}

  static LayerQuantization quantization_of(const StepSpec& spec) {
    LayerQuantization q;
    if (!spec.dynamic) q.input = spec.inputs[0]->qparams;
    if (spec.output->dtype == DType::u8) q.output = spec.output->qparams;
    q.output_qmax = spec.output->codes().qmax;
    return q;
  }

  std::size_t rows(std::int64_t batch) const { return static_cast<std::size_t>(batch * rows_per_sample_); }
  std::ptrdiff_t row_stride() const {
    return static_cast<std::ptrdiff_t>(align64(static_cast<std::size_t>(features_)));
  }

  void set_rows(std::size_t& images, std::size_t& image_rows, std::int64_t batch) const noexcept {
    images = rows_per_sample_ == 1 ? 1 : static_cast<std::size_t>(batch);
    image_rows = static_cast<std::size_t>(rows_per_sample_ == 1 ? batch : rows_per_sample_);
  }

  RowMemory carve(std::byte* block, std::int64_t batch) const {
    return RowMemory::carve(block, rows(batch),
                            {.dynamic = dynamic_,
                             .scale_groups = weights_.groups() > 1,
                             .weight_zeros = !weights_.weight_zero_points().empty(),
                             .code_bytes = rows(batch) * static_cast<std::size_t>(row_stride())});
  }

  void quantize_input(const StepArgs& args, const RowMemory& memory) const noexcept {
    auto one = [&](int i) {
      const float* x =
          args.inputs[0].sample<float>(i / rows_per_sample_) + i % rows_per_sample_ * in_.pixel_stride;
      const QParams p = choose_dynamic(x, static_cast<std::size_t>(features_));
      elementwise().quantize(x, static_cast<std::size_t>(features_), u8_quantize_params(p),
                             memory.codes + i * row_stride(), memory.row_b ? memory.row_b + i : nullptr);
      memory.row_scale[i] = p.scale;
      memory.row_a[i] = p.zero_point;
    };
    args.executor->parallel_for(static_cast<int>(rows(args.batch)), one);
  }

  ops::Activation activation_;
  bool dynamic_;
  std::int64_t features_;
  SampleLayout in_, out_;
  std::size_t element_;
  std::int64_t rows_per_sample_;
  LayerQuantization quantization_;
  PackedWeights weights_;
  ColumnTerms terms_;
};

}  // namespace

std::unique_ptr<Step> ops::make_linear_int8(const ops::Linear& op, const StepSpec& spec) {
  const SampleLayout in = spec.inputs[0]->layout();
  const std::int64_t features = op.flattens_input ? in.pixels() * in.channels : in.channels;
  if (spec.weights->cols != features)
    throw Error(ErrorCode::shape_mismatch, fmt::format("Linear has weights for {} inputs, its input has {}",
                                                       spec.weights->cols, features));
  if (op.flattens_input && !spec.dynamic && in.pixel_stride != in.channels)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("Linear cannot read {} 8-bit channels without a copy: not a multiple of 4", in.channels));
  return std::make_unique<LinearInt8>(op, spec);
}

}  // namespace lowbit
