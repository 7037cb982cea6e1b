// SPDX-License-Identifier: Apache-2.0
// Depthwise Conv2d on u8 codes: each output channel reads one input channel, so there is nothing to reuse in
// a matrix product; kernels of their own do it (depthwise_kernel.h). This cuts the output into strips of rows
// for them, over samples and threads, and prepares what they read: codes of a dynamic input, and the input
// repeated for a channel multiplier.

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "layers/conv2d_steps.h"
#include "layers/dynamic_input.h"
#include "layers/epilogue_terms.h"
#include "layers/quantize_pixels.h"
#include "layers/row_input.h"
#include "layers/scratch.h"
#include "layers/step_common.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/kernels/depthwise_kernel.h"
#include "lowbit/quant/effective.h"
#include "lowbit/runtime/detail/float_env.h"
#include "lowbit/runtime/executor.h"

namespace lowbit {
namespace {

// Below this many multiply-adds, waking threads costs more than they bring.
constexpr std::int64_t kMinParallelMacs = 1'000'000;
// Pieces of work per thread: enough that a late thread does not hold up the others for long.
constexpr std::int64_t kPiecesPerThread = 4;
// Input and output rows of a strip, which stay in the L2 cache while the blocks of channels pass by.
constexpr std::int64_t kStripBytes = 256 * 1024;

/// Weights as integers, [channels][taps]: what kernels pack.
std::vector<std::int16_t> centred_weights(const EffectiveWeights& w) {
  std::vector<std::int16_t> weights;
  for (std::int64_t o = 0; o < w.matrix().rows; ++o)
    for (std::int64_t t = 0; t < w.matrix().cols; ++t)
      weights.push_back(static_cast<std::int16_t>(w.integer(o, t)));
  return weights;
}

kernels::DepthwiseShape depthwise_shape(const SampleLayout& in, const SampleLayout& out,
                                        const ops::Window& window) {
  const auto size = [](std::int64_t n) { return static_cast<std::uint32_t>(n); };
  return {.channels = size(out.channels),
          .in_height = size(in.height),
          .in_width = size(in.width),
          .in_pixel_bytes = static_cast<std::size_t>(in.pixel_stride),
          .out_height = size(out.height),
          .out_width = size(out.width),
          .kernel_height = size(window.kernel[0]),
          .kernel_width = size(window.kernel[1]),
          .stride_height = size(window.stride[0]),
          .stride_width = size(window.stride[1]),
          .dilation_height = size(window.dilation[0]),
          .dilation_width = size(window.dilation[1]),
          .pad_top = size(window.pad[0]),
          .pad_left = size(window.pad[1])};
}

/// What the samples of a dynamic or expanded input become, in scratch memory.
struct Prepared {
  std::uint8_t *codes = nullptr, *expanded = nullptr;
  std::int32_t* zero_point = nullptr;  ///< [batch]
  float* scale = nullptr;              ///< [batch]
  std::size_t bytes = 0;
};

class DepthwiseInt8 final : public ops::SharingStep<DepthwiseInt8> {
 public:
  DepthwiseInt8(const ops::Conv2dOp& op, const ops::StepSpec& spec)
      : activation_(op.activation),
        kernel_(kernels::select_depthwise_kernel(spec.isa)),
        dynamic_(spec.dynamic),
        multiplier_(spec.weights->rows / op.groups),
        in_(sample_layout(spec.inputs[0]->shape, DType::u8)),
        out_(spec.output->layout()) {
    const Shape& in = spec.inputs[0]->shape;
    wide_ = multiplier_ == 1 ? in_ : sample_layout({in[0] * multiplier_, in[1], in[2]}, DType::u8);
    shape_ = depthwise_shape(wide_, out_, op.window);
    q_ = quantization_of(spec);
    residual_f32_ = has_f32_residual(spec);
    const auto* same = ops::same_node<DepthwiseInt8>(spec);
    packed_ = same ? same->packed_ : pack(op, *spec.weights);
    // An f32 residual is added afterwards, and limited then.
    epilogue_ = base_epilogue(residual_f32_ ? ops::Activation{} : op.activation, q_);
    set_columns(epilogue_, packed_->terms);
    if (dynamic_) epilogue_.col_a = packed_->sums.data();
  }

  std::size_t scratch_bytes(std::int64_t batch, int) const override { return carve(nullptr, batch).bytes; }
  std::string kernel() const override { return kernel_.name; }
  bool reads_zero_pixel() const override { return !dynamic_; }

  void run(const ops::StepArgs& args) const noexcept override {
    const Prepared prepared = carve(args.scratch, args.batch);
    if (prepared.bytes != 0) {
      auto prepare_one = [&](int b) { prepare(args, prepared, b); };
      args.executor->parallel_for(static_cast<int>(args.batch), prepare_one);
    }
    const std::int64_t macs = args.batch * out_.pixels() * out_.channels * shape_.kernel_height *
                              static_cast<std::int64_t>(shape_.kernel_width);
    const std::int64_t threads = macs < kMinParallelMacs ? 1 : args.executor->concurrency();
    const std::int64_t rows = strip_rows(args.batch, threads);
    const std::int64_t strips = ops::ceil_div(out_.height, rows);
    auto one = [&](int i) {
      const FloatEnvironmentGuard guard;  // the executor's threads are not always ours
      const std::int64_t first = i % strips * rows;
      run_strip(args, prepared, i / strips, first, std::min(first + rows, out_.height));
    };
    const auto tasks = static_cast<int>(args.batch * strips);
    if (threads > 1) {
      args.executor->parallel_for(tasks, one);
    } else {
      for (int i = 0; i < tasks; ++i) one(i);
    }
  }

 private:
  /// All that no shape of an input changes.
  struct Packed {
    AlignedBytes panel;
    std::vector<std::int32_t> sums;
    ColumnTerms terms;
  };

  std::shared_ptr<const Packed> pack(const ops::Conv2dOp& op, const QuantizedMatrix& matrix) const {
    const EffectiveWeights effective(matrix, kernels::ActType::u8);
    const std::vector<std::int16_t> weights = centred_weights(effective);
    const auto rows = static_cast<std::size_t>(matrix.rows), taps = weights.size() / rows;
    std::vector<std::int32_t> sums;
    for (std::size_t o = 0; o < rows; ++o)
      sums.push_back(std::accumulate(weights.begin() + static_cast<std::ptrdiff_t>(o * taps),
                                     weights.begin() + static_cast<std::ptrdiff_t>((o + 1) * taps), 0));
    ColumnTerms terms(rows, taps, false, sums, effective.column_scales(), effective.units(), op.bias, q_);
    AlignedBytes panel = aligned_bytes(kernel_.panel_bytes(shape_, weights.data()));
    kernel_.pack(shape_, weights.data(), panel.get());
    return std::make_shared<const Packed>(Packed{std::move(panel), std::move(sums), std::move(terms)});
  }

  Prepared carve(std::byte* block, std::int64_t batch) const {
    Scratch scratch(block);
    Prepared p;
    const auto count = static_cast<std::size_t>(batch);
    if (dynamic_) {
      p.codes = scratch.take<std::uint8_t>(count * static_cast<std::size_t>(in_.sample_stride));
      p.zero_point = scratch.take<std::int32_t>(count);
      p.scale = scratch.take<float>(count);
    }
    if (multiplier_ > 1)
      p.expanded = scratch.take<std::uint8_t>(count * static_cast<std::size_t>(wide_.sample_stride));
    p.bytes = scratch.used();
    return p;
  }

  /// Quantizes and expands sample b.
  void prepare(const ops::StepArgs& args, const Prepared& p, std::int64_t b) const noexcept {
    const FloatEnvironmentGuard guard;
    const std::uint8_t* codes = args.inputs[0].sample<std::uint8_t>(b);
    std::int32_t zero = q_.input ? q_.input->zero_point : 0;
    if (dynamic_) {
      const float* x = args.inputs[0].sample<float>(b);
      std::uint8_t* to = p.codes + b * in_.sample_stride;
      const QParams q = choose_dynamic(x, static_cast<std::size_t>(in_.pixels() * in_.channels));
      quantize_pixels(x, in_.pixels(), in_.channels, in_.pixel_stride, u8_quantize_params(q), to);
      p.zero_point[b] = zero = q.zero_point;
      p.scale[b] = q.scale;
      std::memset(to + in_.zero_pixel(), zero, static_cast<std::size_t>(in_.pixel_stride));
      codes = to;
    }
    if (multiplier_ == 1) return;
    std::uint8_t* to = p.expanded + b * wide_.sample_stride;
    kernel_.expand({.in = codes,
                    .pixels = static_cast<std::size_t>(in_.pixels()),
                    .in_pixel_bytes = static_cast<std::size_t>(in_.pixel_stride),
                    .channels = static_cast<std::uint32_t>(in_.channels),
                    .multiplier = static_cast<std::uint32_t>(multiplier_),
                    .out = to,
                    .out_pixel_bytes = static_cast<std::size_t>(wide_.pixel_stride)});
    std::memset(to + wide_.zero_pixel(), zero, static_cast<std::size_t>(wide_.pixel_stride));
  }

  /// Output rows of a strip: as many as the cache holds, fewer to keep all threads busy.
  std::int64_t strip_rows(std::int64_t batch, std::int64_t threads) const {
    const std::int64_t step = kernel_.row_step;
    const std::int64_t row_bytes =
        out_.width * out_.channels + wide_.width * wide_.pixel_stride * shape_.stride_height;
    std::int64_t rows = std::max(step, kStripBytes / row_bytes / step * step);
    if (threads > 1) {
      const std::int64_t strips = ops::ceil_div(threads * kPiecesPerThread, batch);
      rows = std::min(rows, std::max(step, ops::round_up(ops::ceil_div(out_.height, strips), step)));
    }
    return std::min(rows, out_.height);
  }

  /// Output rows [first, last) of sample b.
  void run_strip(const ops::StepArgs& args, const Prepared& p, std::int64_t b, std::int64_t first,
                 std::int64_t last) const noexcept {
    kernels::DepthwiseArgs a;
    a.shape = &shape_;
    a.panel = packed_->panel.get();
    a.in = args.inputs[0].sample<std::uint8_t>(b);
    if (dynamic_) a.in = p.codes + b * in_.sample_stride;
    if (multiplier_ > 1) a.in = p.expanded + b * wide_.sample_stride;
    a.zero_offset = wide_.zero_pixel();
    a.first_row = static_cast<std::uint32_t>(first);
    a.last_row = static_cast<std::uint32_t>(last);
    a.epilogue = epilogue_;
    if (dynamic_) {
      a.epilogue.row_a = p.zero_point + b;
      a.epilogue.row_scale = p.scale + b;
    }
    if (q_.residual) {
      a.epilogue.residual = args.inputs[1].sample<std::uint8_t>(b);
      a.epilogue.residual_row_bytes = static_cast<std::size_t>(args.inputs[1].type->layout().pixel_stride);
    }
    a.out = args.output.sample<std::byte>(b);
    a.out_pixel_bytes = static_cast<std::size_t>(out_.pixel_stride) * (q_.output ? 1 : sizeof(float));
    kernel_.run(a);
    if (residual_f32_) add_residual(args, b, first * out_.width, last * out_.width);
  }

  /// f32 residuals occur between dynamic layers only. Same order as in the epilogue: add, then limit.
  void add_residual(const ops::StepArgs& args, std::int64_t b, std::int64_t first,
                    std::int64_t last) const noexcept {
    float* y = args.output.sample<float>(b);
    const float* r = args.inputs[1].sample<float>(b);
    for (std::int64_t i = first * out_.channels; i < last * out_.channels; ++i)
      y[i] = ops::apply(activation_, y[i] + r[i]);
  }

  ops::Activation activation_;
  const kernels::DepthwiseKernel& kernel_;
  bool dynamic_, residual_f32_ = false;
  std::int64_t multiplier_;
  SampleLayout in_, wide_, out_;  ///< wide_: of the input repeated for the channel multiplier
  kernels::DepthwiseShape shape_;
  LayerQuantization q_;
  std::shared_ptr<const Packed> packed_;
  kernels::Epilogue epilogue_;
};

}  // namespace

std::unique_ptr<ops::Step> ops::make_depthwise_int8(const ops::Conv2dOp& op, const ops::StepSpec& spec) {
  return std::make_unique<DepthwiseInt8>(op, spec);
}

}  // namespace lowbit
