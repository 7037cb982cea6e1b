// SPDX-License-Identifier: Apache-2.0
// Convolutions of codes, image by image: pixels are copied to rows of bytes with a pixel of zero points
// behind them, kernels make sums of them, and an OutputStage makes results of those. The two bytes of 16-bit
// activations are two images.
#include "lowbit/layers/integer_conv2d.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/refuse.h"
#include "layers/conv2d_taps_and_padding.h"
#include "layers/gather_codes.h"
#include "layers/gemm_checks.h"
#include "layers/output_stage.h"
#include "layers/scratch.h"
#include "layers/weight_rows.h"
#include "lowbit/core/aligned_bytes.h"
#include "lowbit/kernels/depthwise_kernel.h"
#include "lowbit/kernels/gemm.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

// Pixels that a thread finishes at a time.
constexpr std::int64_t kFinishPixels = 16;

void check_shape(const IntegerConv2dShape& s, const IntegerView& weights) {
  const auto [kernel_h, kernel_w] = s.window.kernel;
  for (const std::int64_t size :
       {s.height, s.width, s.channels, s.out_channels, s.groups, kernel_h, kernel_w, s.window.stride[0],
        s.window.stride[1], s.window.dilation[0], s.window.dilation[1]})
    if (size < 1 || size > (1 << 24)) refuse(fmt::format("an IntegerConv2d has a size of {}", size));
  for (const std::int64_t pad : s.window.pad)
    if (pad < 0 || pad > (1 << 24)) refuse(fmt::format("an IntegerConv2d has a padding of {}", pad));
  if (s.channels % s.groups != 0 || s.out_channels % s.groups != 0)
    refuse(
        fmt::format("{} and {} channels do not divide into {} groups", s.channels, s.out_channels, s.groups));
  if (s.in != ElementType::u8 && s.in != ElementType::i8 && s.in != ElementType::i16)
    refuse(fmt::format("the input of an IntegerConv2d is u8, i8 or i16, not {}", element_name(s.in)));
  const std::int64_t products = kernel_h * kernel_w * (s.channels / s.groups);
  if (weights.rows != s.out_channels || weights.cols != products)
    throw Error(
        ErrorCode::shape_mismatch,
        fmt::format("weights of {} x {} are for a convolution of {} output channels with {} products each",
                    weights.rows, weights.cols, s.out_channels, products));
}

}  // namespace

struct IntegerConv2d::State {
  State(const IntegerConv2dShape& s, const IntegerView& weights, const GemmOptions& options);

  /// Working memory of an image; absent parts are null.
  struct Parts {
    std::uint8_t *low = nullptr, *high = nullptr;        // pixels
    std::uint8_t* expanded = nullptr;                    // of one of them, for a channel multiplier
    std::int32_t *sums = nullptr, *high_sums = nullptr;  // output pixels x channels
    std::int32_t* row_sums = nullptr;                    // [output pixels]
    std::size_t bytes = 0;
  };

  bool wide() const { return shape.in == ElementType::i16; }
  bool depthwise() const { return depthwise_kernel != nullptr; }
  void pack_gemm(const WeightRows& rows, Isa isa);
  void pack_depthwise(const WeightRows& rows, const IntegerView& weights, Isa isa);
  Parts carve(std::byte* block) const;
  void gather(const IntegerView& in, std::int64_t image, const Parts& parts) const noexcept;
  void sum(const std::uint8_t* pixels, const Parts& parts, std::int32_t* sums) const noexcept;
  void finish(const Parts& parts, const GemmResult& out, std::int64_t image) const noexcept;

  IntegerConv2dShape shape;
  SampleLayout in, wide_in, out;  ///< wide_in: of the input repeated for a channel multiplier
  std::uint32_t zero;             ///< as unsigned, of 8 or 16 bits
  Executor* executor;
  // Either a product for each group, or a depthwise kernel.
  std::vector<kernels::PackedWeights> groups{};
  RowOffsets offsets{};
  const kernels::DepthwiseKernel* depthwise_kernel = nullptr;
  kernels::DepthwiseShape depthwise_shape{};
  AlignedBytes panel{};
  std::vector<std::int32_t> column_sums{};
  std::unique_ptr<const OutputStage> stage{};
};

IntegerConv2d::State::State(const IntegerConv2dShape& s, const IntegerView& weights,
                            const GemmOptions& options)
    : shape(s), executor(options.executor ? options.executor : &serial_executor()) {
  check_shape(s, weights);
  check_zero_point(s.in, options.a_zero_point);
  zero = static_cast<std::uint32_t>(options.a_zero_point + (s.in == ElementType::u8 ? 0
                                                            : wide()                ? 32768
                                                                                    : 128));
  const auto [height, width] = s.window.output_size(s.height, s.width, false, "an IntegerConv2d");
  in = sample_layout({s.channels, s.height, s.width}, DType::u8);
  out = sample_layout({s.out_channels, height, width}, DType::f32);
  wide_in = s.groups == s.channels ? sample_layout({s.out_channels, s.height, s.width}, DType::u8) : in;
  const WeightRows rows = weight_rows(weights, options.b_zero_points, "weights", "b_zero_points");
  if (s.groups == s.channels && s.groups > 1) {
    pack_depthwise(rows, weights, options.isa);
  } else {
    pack_gemm(rows, options.isa);
  }
  stage = std::make_unique<const OutputStage>(
      terms_of(options), s.out_channels, s.out,
      OutputInput{.type = s.in, .zero_point = options.a_zero_point, .column_sums = column_sums});
}

void IntegerConv2d::State::pack_gemm(const WeightRows& rows, Isa isa) {
  offsets = make_row_offsets(in, out, shape.window, 1);
  const auto count = static_cast<std::uint32_t>(shape.out_channels / shape.groups);
  for (std::int64_t g = 0; g < shape.groups; ++g) {
    kernels::WeightSpec part = rows.spec;
    part.n = count;
    part.taps = static_cast<std::uint32_t>(shape.window.kernel[0] * shape.window.kernel[1]);
    const auto first = static_cast<std::size_t>(g) * count;
    part.codes += first * part.row_bytes;
    if (part.zero_points) part.zero_points += first;
    groups.emplace_back(part, isa);
    const auto sums = groups.back().column_sums();
    column_sums.insert(column_sums.end(), sums.begin(), sums.end());
  }
}

void IntegerConv2d::State::pack_depthwise(const WeightRows& rows, const IntegerView& weights, Isa isa) {
  depthwise_kernel = &kernels::select_depthwise_kernel(isa);
  const auto size = [](std::int64_t n) { return static_cast<std::uint32_t>(n); };
  depthwise_shape = {.channels = size(shape.out_channels),
                     .in_height = size(shape.height),
                     .in_width = size(shape.width),
                     .in_pixel_bytes = static_cast<std::size_t>(wide_in.pixel_stride),
                     .out_height = size(out.height),
                     .out_width = size(out.width),
                     .kernel_height = size(shape.window.kernel[0]),
                     .kernel_width = size(shape.window.kernel[1]),
                     .stride_height = size(shape.window.stride[0]),
                     .stride_width = size(shape.window.stride[1]),
                     .dilation_height = size(shape.window.dilation[0]),
                     .dilation_width = size(shape.window.dilation[1]),
                     .pad_top = size(shape.window.pad[0]),
                     .pad_left = size(shape.window.pad[1])};
  std::vector<std::int16_t> centred;
  for (std::int64_t o = 0; o < weights.rows; ++o) {
    const auto row = static_cast<std::size_t>(o);
    const std::uint8_t* codes = rows.spec.codes + row * rows.spec.row_bytes;
    const std::int32_t middle = weights.packed_4_bits ? 8 : 0;
    const std::int32_t zero_point = rows.zero_points.empty() ? middle : rows.zero_points[row];
    std::int32_t total = 0;
    for (std::int64_t t = 0; t < weights.cols; ++t) {
      const std::int32_t code =
          weights.packed_4_bits ? codes[t / 2] >> (t % 2 * 4) & 15 : static_cast<std::int8_t>(codes[t]);
      centred.push_back(static_cast<std::int16_t>(code - zero_point));
      total += code - zero_point;
    }
    column_sums.push_back(total);
  }
  panel = aligned_bytes(depthwise_kernel->panel_bytes(depthwise_shape, centred.data()));
  depthwise_kernel->pack(depthwise_shape, centred.data(), panel.get());
}

IntegerConv2d::State::Parts IntegerConv2d::State::carve(std::byte* block) const {
  Scratch scratch(block);
  Parts p;
  const auto pixels = static_cast<std::size_t>(in.sample_stride),
             sums_count = static_cast<std::size_t>(out.pixels() * out.channels);
  p.low = scratch.take<std::uint8_t>(pixels);
  if (wide()) p.high = scratch.take<std::uint8_t>(pixels);
  if (depthwise() && shape.out_channels != shape.channels)
    p.expanded = scratch.take<std::uint8_t>(static_cast<std::size_t>(wide_in.sample_stride));
  p.sums = scratch.take<std::int32_t>(sums_count);
  if (wide()) p.high_sums = scratch.take<std::int32_t>(sums_count);
  p.row_sums = scratch.take<std::int32_t>(static_cast<std::size_t>(out.pixels()));
  p.bytes = scratch.used();
  return p;
}

void IntegerConv2d::State::gather(const IntegerView& view, std::int64_t image,
                                  const Parts& parts) const noexcept {
  const auto stride = static_cast<std::size_t>(in.pixel_stride);
  gather_codes(view, image * in.pixels(), in.pixels(), true, {parts.low, parts.high, stride}, *executor);
  std::fill_n(parts.low + in.zero_pixel(), stride, static_cast<std::uint8_t>(zero));
  if (parts.high) std::fill_n(parts.high + in.zero_pixel(), stride, static_cast<std::uint8_t>(zero >> 8));
}

void IntegerConv2d::State::sum(const std::uint8_t* pixels, const Parts& parts,
                               std::int32_t* sums) const noexcept {
  const auto row_bytes = static_cast<std::size_t>(out.channels) * sizeof(std::int32_t);
  if (depthwise()) {
    if (parts.expanded) {
      depthwise_kernel->expand({.in = pixels,
                                .pixels = static_cast<std::size_t>(in.pixels() + 1),  // zero points, too
                                .in_pixel_bytes = static_cast<std::size_t>(in.pixel_stride),
                                .channels = static_cast<std::uint32_t>(in.channels),
                                .multiplier = static_cast<std::uint32_t>(out.channels / in.channels),
                                .out = parts.expanded,
                                .out_pixel_bytes = static_cast<std::size_t>(wide_in.pixel_stride)});
      pixels = parts.expanded;
    }
    kernels::DepthwiseArgs args;
    args.shape = &depthwise_shape;
    args.panel = panel.get();
    args.in = pixels;
    args.zero_offset = wide_in.zero_pixel();
    args.last_row = depthwise_shape.out_height;
    stage->set_sums(args.epilogue);
    args.out = sums;
    args.out_pixel_bytes = row_bytes;
    depthwise_kernel->run(args);
    return;
  }
  const std::int64_t per_group = in.channels / shape.groups;
  std::uint32_t column = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const kernels::GemmLhs lhs{.a = pixels + static_cast<std::int64_t>(g) * per_group,
                               .rows = static_cast<std::size_t>(out.pixels()),
                               .offsets = offsets.data()};
    kernels::GemmOut to;
    stage->set_sums(to.epilogue);
    if (to.epilogue.column_constant) to.epilogue.column_constant += column;
    to.c = sums + column;
    to.c_row_bytes = row_bytes;
    if (!groups[g].weight_zero_points().empty()) {
      kernels::row_sums(lhs, groups[g], parts.row_sums);
      to.epilogue.row_b = parts.row_sums;
      to.epilogue.col_b = groups[g].weight_zero_points().data();
    }
    kernels::gemm(lhs, groups[g], to, *executor);
    column += groups[g].n();
  }
}

void IntegerConv2d::State::finish(const Parts& parts, const GemmResult& to,
                                  std::int64_t image) const noexcept {
  const std::int64_t pixels = out.pixels();
  const auto bytes = static_cast<std::ptrdiff_t>(element_bytes(to.type, 1));
  auto piece = [&](int i) {
    const FloatEnvironmentGuard guard;
    const std::int64_t first = i * kFinishPixels;
    const std::ptrdiff_t at = first * out.channels;
    const SumBlock block{.low = parts.sums + at,
                         .high = parts.high_sums ? parts.high_sums + at : nullptr,
                         .rows = std::min(kFinishPixels, pixels - first),
                         .row_stride = out.channels};
    auto* row = static_cast<std::byte*>(to.data) + (image * pixels + first) * to.row_stride * bytes;
    stage->write(block, 0, out.channels, row, to.row_stride, to.col_stride);
  };
  executor->parallel_for(static_cast<int>((pixels + kFinishPixels - 1) / kFinishPixels), piece);
}

IntegerConv2d::IntegerConv2d(const IntegerConv2dShape& shape, const IntegerView& weights,
                             const GemmOptions& options)
    : state_(std::make_shared<const State>(shape, weights, options)) {}

std::int64_t IntegerConv2d::out_height() const {
  return state_->out.height;
}
std::int64_t IntegerConv2d::out_width() const {
  return state_->out.width;
}
const char* IntegerConv2d::kernel() const {
  return state_->depthwise() ? state_->depthwise_kernel->name : state_->groups[0].kernel().name;
}

void IntegerConv2d::forward(const IntegerView& in, const GemmResult& out) const {
  const State& s = *state_;
  if (in.type != s.shape.in || in.packed_4_bits || out.type != s.shape.out)
    refuse(fmt::format("an IntegerConv2d from {} to {} got {} and {}", element_name(s.shape.in),
                       element_name(s.shape.out), in.packed_4_bits ? "4 bits" : element_name(in.type),
                       element_name(out.type)));
  const std::int64_t images = in.rows / s.in.pixels();
  if (in.cols != s.in.channels || in.rows % s.in.pixels() != 0)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("an input of {} pixels of {} channels is no images of {} x {} x {}", in.rows,
                            in.cols, s.in.height, s.in.width, s.in.channels));
  if (out.rows != images * s.out.pixels() || out.cols != s.out.channels)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("an output of {} pixels of {} channels is not {} images of {} x {} x {}",
                            out.rows, out.cols, images, s.out.height, s.out.width, s.out.channels));
  check_memory(memory_of(in), "the input");
  check_result(memory_of(out), "the output");
  check_apart(memory_of(in), "the input", memory_of(out));
  if (images == 0) return;
  const FloatEnvironmentGuard defaults;
  const AlignedBytes memory = aligned_bytes(s.carve(nullptr).bytes);
  const State::Parts parts = s.carve(memory.get());
  for (std::int64_t image = 0; image < images; ++image) {
    s.gather(in, image, parts);
    s.sum(parts.low, parts, parts.sums);
    if (s.wide()) s.sum(parts.high, parts, parts.high_sums);
    s.finish(parts, out, image);
  }
}

}  // namespace lowbit
