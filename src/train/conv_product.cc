// SPDX-License-Identifier: Apache-2.0
#include "train/conv_product.h"

#include <algorithm>
#include <array>
#include <limits>

#include "layers/step_common.h"

namespace lowbit::train {

ConvProduct::ConvProduct(const ops::Conv2dOp& op, const SampleLayout& in, const SampleLayout& out, Isa isa)
    : kernel_(fp32::fp32_kernel(isa)),
      in_(in),
      out_(out),
      groups_(op.groups),
      in_per_group_(in.channels / op.groups),
      out_per_group_(out.channels / op.groups),
      taps_(op.window.kernel[0] * op.window.kernel[1]),
      is_depthwise_(op.groups > 1 && op.groups == in.channels && op.groups == out.channels) {
  const ops::Window& w = op.window;
  shape_ = {in.height,   in.width,    in.pixel_stride, in_per_group_,    w.kernel[0],
            w.kernel[1], w.stride[0], w.stride[1],     w.dilation[0],    w.dilation[1],
            w.pad[0],    w.pad[1],    out.width,       out.pixel_stride, out_per_group_};
  shape_.pad_bottom = w.pad[2];
  if (is_depthwise_) {
    shape_.channels = shape_.n = groups_;
    groups_ = in_per_group_ = 1;
    out_per_group_ = shape_.n;
    packed_size_ = group_sums_ = taps_ * shape_.n;
  } else {
    packed_size_ = ops::round_up(kernel_.conv_packed_size(shape_), 16);
    group_sums_ = shape_.k() * kernel_.gradient_pitch(shape_);
    scratch_ = std::max(kernel_.conv_scratch(shape_), kernel_.gradient_scratch(shape_));
  }
  plan_phases(w);
  // Behind the kernel's own: the gradient with zeros between its pixels, and the pixels of a phase.
  scratch_ = ops::round_up(scratch_, 16) + ops::round_up(spread_size_, 16) + 16 +
             ops::round_up(in.pixels() * in.pixel_stride, 16);
  zeros_.resize(static_cast<std::size_t>(in.channels));
  const auto memory = [](std::int64_t n) {
    return aligned_bytes(static_cast<std::size_t>(n) * sizeof(float));
  };
  packed_ = memory(packed_size_ * groups_);
  packed_back_ = memory(phases_.back().packed + phases_.back().packed_size * groups_);
  ordered_ = memory(op.weight.shape.elements());
}

/// Along an axis, tap k of output o reads input i = o stride - pad + k dilation. Of dilated taps with a
/// stride the gradient gets zeros between its pixels instead, and there is one phase.
void ConvProduct::plan_phases(const ops::Window& w) {
  const bool spreads = (w.stride[0] > 1 && w.dilation[0] > 1) || (w.stride[1] > 1 && w.dilation[1] > 1);
  const std::array<std::int64_t, 2> size{in_.height, in_.width};
  const std::array<std::int64_t, 2> stride = spreads ? std::array<std::int64_t, 2>{1, 1} : w.stride;
  tap_stride_height_ = stride[0], tap_stride_width_ = stride[1];
  struct Part {
    std::int64_t tap, taps, first, count, pad;
  };
  const auto part_of = [&](std::size_t axis, std::int64_t tap) {
    const std::int64_t s = stride[axis], pad = w.pad[axis], kernel = w.kernel[axis];
    // Inputs q s + tap - pad for q from q0 on: those of tap, tap + s, ...
    const std::int64_t q0 = pad > tap ? ops::ceil_div(pad - tap, s) : (pad - tap) / s;
    const std::int64_t first = q0 * s + tap - pad, taps = tap < kernel ? ops::ceil_div(kernel - tap, s) : 0;
    return Part{tap, taps, first, first < size[axis] ? ops::ceil_div(size[axis] - first, s) : 0,
                w.dilation[axis] * (taps - 1) - q0};
  };
  std::int64_t packed = 0;
  for (std::int64_t y = 0; y < stride[0]; ++y)
    for (std::int64_t x = 0; x < stride[1]; ++x) {
      const Part rows = part_of(0, y), columns = part_of(1, x);
      Phase p;
      p.rows = rows.count, p.columns = columns.count;
      p.first_row = rows.first, p.first_column = columns.first;
      p.tap_row = y, p.tap_column = x;
      p.packed = packed;
      fp32::ConvShape& s = p.shape;
      s = shape_;
      s.kernel_height = rows.taps, s.kernel_width = columns.taps;
      s.stride_height = s.stride_width = 1;
      s.pad_top = rows.pad, s.pad_left = columns.pad;
      s.in_height = spreads ? (out_.height - 1) * w.stride[0] + 1 : out_.height;
      s.in_width = spreads ? (out_.width - 1) * w.stride[1] + 1 : out_.width;
      s.in_stride = out_.pixel_stride, s.channels = shape_.n;
      s.out_width = columns.count, s.out_stride = in_.pixel_stride, s.n = shape_.channels;
      s.pad_bottom = s.in_height < rows.count ? 1 : 0;  // rows that no window read get zeros
      if (spreads) spread_size_ = s.in_height * s.in_width * out_.pixel_stride;
      if (s.kernel_height * s.kernel_width > 0) {
        p.packed_size = is_depthwise_ ? s.kernel_height * s.kernel_width * s.n
                                      : ops::round_up(kernel_.conv_packed_size(s), 16);
        if (!is_depthwise_) scratch_ = std::max(scratch_, kernel_.conv_scratch(s));
      }
      packed += p.packed_size * groups_;
      phases_.push_back(p);
    }
}

void ConvProduct::pack(std::span<const float> given) noexcept {
  is_depthwise_ ? pack_depthwise(given) : pack_groups(given);
  pack_back(given);
}

/// [channel][tap] to [tap][channel].
void ConvProduct::pack_depthwise(std::span<const float> given) noexcept {
  float* forward = weights(packed_);
  for (std::int64_t c = 0; c < shape_.n; ++c)
    for (std::int64_t t = 0; t < taps_; ++t)
      forward[t * shape_.n + c] = given[static_cast<std::size_t>(c * taps_ + t)];
}

/// [out][in][tap] to [out][tap][in] of each group.
void ConvProduct::pack_groups(std::span<const float> given) noexcept {
  float* ordered = weights(ordered_);
  const std::int64_t size = out_per_group_ * taps_ * in_per_group_;
  for (std::int64_t g = 0; g < groups_; ++g) {
    const float* from = given.data() + g * size;
    for (std::int64_t o = 0; o < out_per_group_; ++o)
      for (std::int64_t c = 0; c < in_per_group_; ++c)
        for (std::int64_t t = 0; t < taps_; ++t)
          ordered[(o * taps_ + t) * in_per_group_ + c] = from[(o * in_per_group_ + c) * taps_ + t];
    kernel_.conv_pack(shape_, ordered, weights(packed_) + g * packed_size_);
  }
}

/// The taps of each phase, the last one first: [in][tap][out] of each group; [tap][channel] of depthwise
/// ones.
void ConvProduct::pack_back(std::span<const float> given) noexcept {
  float* ordered = weights(ordered_);
  const std::int64_t size = out_per_group_ * taps_ * in_per_group_;
  for (const Phase& p : phases_) {
    const fp32::ConvShape& s = p.shape;
    const auto tap = [&](std::int64_t y, std::int64_t x) {
      return (p.tap_row + (s.kernel_height - 1 - y) * tap_stride_height_) * shape_.kernel_width +
             p.tap_column + (s.kernel_width - 1 - x) * tap_stride_width_;
    };
    for (std::int64_t g = 0; g < groups_ && p.packed_size > 0; ++g) {
      const float* from = given.data() + g * size;
      float *to = weights(packed_back_) + p.packed + g * p.packed_size, *next = is_depthwise_ ? to : ordered;
      const std::int64_t ins = is_depthwise_ ? 1 : in_per_group_;
      for (std::int64_t c = 0; c < ins; ++c)
        for (std::int64_t y = 0; y < s.kernel_height; ++y)
          for (std::int64_t x = 0; x < s.kernel_width; ++x)
            for (std::int64_t o = 0; o < out_per_group_; ++o)
              *next++ = from[(o * in_per_group_ + c) * taps_ + tap(y, x)];
      if (!is_depthwise_) kernel_.conv_pack(s, ordered, to);
    }
  }
}

void ConvProduct::forward(const float* in, const Output& end, float* out, float* scratch) const noexcept {
  fp32::ConvArgs c;
  c.shape = &shape_;
  c.last = out_.pixels();
  c.lo = end.activation.lo, c.hi = end.activation.hi;
  c.scratch = scratch;
  for (std::int64_t g = 0; g < groups_; ++g) {
    c.in = in + g * in_per_group_;
    c.weights = weights(packed_) + g * packed_size_;
    c.bias = end.bias + g * out_per_group_;
    c.residual = end.residual ? end.residual + g * out_per_group_ : nullptr;
    c.out = out + g * out_per_group_;
    is_depthwise_ ? kernel_.depthwise(c) : kernel_.conv(c);
  }
}

void ConvProduct::weight_gradient(const float* in, const float* gradient, float* sums,
                                  float* scratch) const noexcept {
  if (is_depthwise_) return depthwise_weight_gradient(in, gradient, sums);
  fp32::GradientArgs a;
  a.shape = &shape_;
  a.last = out_.pixels();
  a.scratch = scratch;
  for (std::int64_t g = 0; g < groups_; ++g) {
    a.in = in + g * in_per_group_;
    a.gradient = gradient + g * out_per_group_;
    a.sums = sums + g * group_sums_;
    kernel_.weight_gradient(a);
  }
}

void ConvProduct::depthwise_weight_gradient(const float* in, const float* gradient,
                                            float* sums) const noexcept {
  const fp32::ConvShape& s = shape_;
  for (std::int64_t oy = 0; oy < out_.height; ++oy)
    for (std::int64_t ox = 0; ox < out_.width; ++ox, gradient += s.out_stride)
      for (std::int64_t ky = 0; ky < s.kernel_height; ++ky) {
        const std::int64_t iy = oy * s.stride_height - s.pad_top + ky * s.dilation_height;
        if (iy < 0 || iy >= s.in_height) continue;
        for (std::int64_t kx = 0; kx < s.kernel_width; ++kx) {
          const std::int64_t ix = ox * s.stride_width - s.pad_left + kx * s.dilation_width;
          if (ix < 0 || ix >= s.in_width) continue;
          const float* x = in + (iy * s.in_width + ix) * s.in_stride;
          float* sum = sums + (ky * s.kernel_width + kx) * s.n;
          for (std::int64_t c = 0; c < s.n; ++c) sum[c] += x[c] * gradient[c];
        }
      }
}

void ConvProduct::order_sums(const float* sums, std::int64_t o, float* to) const noexcept {
  if (is_depthwise_) {
    for (std::int64_t t = 0; t < taps_; ++t) to[t] = sums[t * shape_.n + o];
    return;
  }
  const std::int64_t pitch = kernel_.gradient_pitch(shape_);
  sums += o / out_per_group_ * group_sums_ + o % out_per_group_;
  for (std::int64_t t = 0; t < taps_; ++t)
    for (std::int64_t c = 0; c < in_per_group_; ++c)
      to[c * taps_ + t] = sums[(t * in_per_group_ + c) * pitch];
}

/// The gradient of a sample, its pixels a stride apart; what lies between them stays as it is.
void ConvProduct::spread(const float* gradient, float* to) const noexcept {
  const std::int64_t width = phases_[0].shape.in_width;
  for (std::int64_t y = 0; y < out_.height; ++y)
    for (std::int64_t x = 0; x < out_.width; ++x, gradient += out_.pixel_stride)
      std::copy_n(gradient, out_.channels,
                  to + (y * shape_.stride_height * width + x * shape_.stride_width) * out_.pixel_stride);
}

/// Pixels of the phase, one after the other.
void ConvProduct::run_phase(const Phase& phase, const float* gradient, float* to,
                            float* scratch) const noexcept {
  fp32::ConvArgs c;
  c.shape = &phase.shape;
  c.last = phase.rows * phase.columns;
  c.lo = -std::numeric_limits<float>::infinity(), c.hi = std::numeric_limits<float>::infinity();
  c.scratch = scratch;
  c.bias = zeros_.data();
  if (phase.packed_size == 0) std::fill_n(to, c.last * in_.pixel_stride, 0.0f);
  for (std::int64_t g = 0; g < groups_ && phase.packed_size > 0; ++g) {
    c.in = gradient + g * out_per_group_;
    c.weights = weights(packed_back_) + phase.packed + g * phase.packed_size;
    c.out = to + g * in_per_group_;
    is_depthwise_ ? kernel_.depthwise(c) : kernel_.conv(c);
  }
}

void ConvProduct::input_gradient(const float* gradient, float* in_gradient, bool adds,
                                 float* scratch) const noexcept {
  float* pixels = scratch + (scratch_ - ops::round_up(in_.pixels() * in_.pixel_stride, 16));
  if (spread_size_ > 0) {
    float* apart = pixels - 16 - ops::round_up(spread_size_, 16);
    std::fill_n(apart, spread_size_, 0.0f);
    spread(gradient, apart);
    gradient = apart;
  }
  const bool is_whole = phases_.size() == 1;
  if (is_whole && !adds) return run_phase(phases_[0], gradient, in_gradient, scratch);
  const std::int64_t channels = in_.channels;
  for (const Phase& p : phases_) {
    run_phase(p, gradient, pixels, scratch);
    const float* from = pixels;
    for (std::int64_t y = 0; y < p.rows; ++y)
      for (std::int64_t x = 0; x < p.columns; ++x, from += channels) {
        float* to = in_gradient + ((p.first_row + y * tap_stride_height_) * in_.width + p.first_column +
                                   x * tap_stride_width_) *
                                      channels;
        if (adds)
          for (std::int64_t c = 0; c < channels; ++c) to[c] += from[c];
        else
          std::copy_n(from, channels, to);
      }
  }
}

}  // namespace lowbit::train
