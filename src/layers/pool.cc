// SPDX-License-Identifier: Apache-2.0
// Windows over pixels, vectorized over channels in blocks that live on the stack. Averages of codes: the
// exact int32 sum of (code - z) over the window, then clamp(rint(float(sum) * m), lo, hi) + z' with m =
// scale_in / (scale_out * count), rounded to float once for each count.
#include "lowbit/layers/pool.h"

#include <fmt/format.h>

#include <limits>
#include <type_traits>

#include "layers/step_common.h"

namespace lowbit::ops {
namespace {

constexpr std::int64_t kBlock = 64;  // channels that are accumulated at a time

/// The taps of one window along one axis that lie inside the input, and how many lie inside input and
/// padding.
struct Taps {
  std::int64_t first = 0, last = 0;  ///< input positions first, first + dilation, ... < last
  std::int64_t padded = 0;
};

Taps taps_along(const Window& w, std::size_t axis, std::int64_t position, std::int64_t size) {
  const std::int64_t d = w.dilation[axis], start = position * w.stride[axis] - w.pad[axis];
  std::int64_t end = start + (w.kernel[axis] - 1) * d + 1;
  Taps t;
  const std::int64_t limit = size + w.pad[axis + 2];
  t.padded = ceil_div((end < limit ? end : limit) - start, d);
  t.first = start < 0 ? start + ceil_div(-start, d) * d : start;
  t.last = end < size ? end : size;
  return t;
}

std::int64_t count_inside(const Taps& t, std::int64_t dilation) {
  return t.last > t.first ? ceil_div(t.last - t.first, dilation) : 0;
}

struct Geometry {
  Window window;
  SampleLayout in, out;
  Geometry(const Window& w, const StepSpec& spec)
      : window(w), in(spec.inputs[0]->layout()), out(spec.output->layout()) {}

  std::int64_t pixel_work() const { return window.kernel[0] * window.kernel[1] * in.channels; }
  /// Calls tap(offset of an input pixel) for each tap inside the input, in order.
  template <class Tap>
  void for_taps(const Taps& y, const Taps& x, Tap&& tap) const {
    for (std::int64_t iy = y.first; iy < y.last; iy += window.dilation[0])
      for (std::int64_t ix = x.first; ix < x.last; ix += window.dilation[1])
        tap((iy * in.width + ix) * in.pixel_stride);
  }
  /// Calls body(output pixel, taps along height, taps along width) for output pixels [p0, p1).
  template <class Body>
  void for_windows(std::int64_t p0, std::int64_t p1, Body&& body) const {
    for (std::int64_t p = p0; p < p1; ++p)
      body(p, taps_along(window, 0, p / out.width, in.height),
           taps_along(window, 1, p % out.width, in.width));
  }
};

template <class T>
class MaxPoolStep final : public Step {
 public:
  MaxPoolStep(const MaxPoolOp& op, const StepSpec& spec) : g_(op.window, spec) {}

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, g_.out.pixels(), g_.pixel_work(),
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       const T* in = args.inputs[0].sample<const T>(s);
                       T* out = args.output.sample<T>(s);
                       g_.for_windows(p0, p1, [&](std::int64_t p, const Taps& y, const Taps& x) {
                         for (std::int64_t c = 0; c < g_.in.channels; c += kBlock)
                           window(in + c, y, x, block(c), out + p * g_.out.pixel_stride + c);
                       });
                     });
  }

 private:
  std::int64_t block(std::int64_t c) const {
    return g_.in.channels - c < kBlock ? g_.in.channels - c : kBlock;
  }
  /// A NaN is more than all numbers, so that it is carried on wherever in the window it stands.
  static bool is_more(T x, T most) {
    if constexpr (std::is_same_v<T, float>)
      return (x > most) | (x != x);
    else
      return x > most;
  }
  void window(const T* in, const Taps& y, const Taps& x, std::int64_t n, T* out) const {
    constexpr T kLowest = std::is_same_v<T, float> ? -std::numeric_limits<T>::infinity() : T{0};
    T best[kBlock];
    for (T& b : best) b = kLowest;
    g_.for_taps(y, x, [&](std::int64_t offset) {
      const T* pixel = in + offset;
      for (std::int64_t c = 0; c < n; ++c) best[c] = is_more(pixel[c], best[c]) ? pixel[c] : best[c];
    });
    for (std::int64_t c = 0; c < n; ++c) out[c] = best[c];
  }
  Geometry g_;
};

/// The element type decides the accumulator and what happens to the sum: divided for f32, requantized for u8.
template <class T>
class AveragePoolStep final : public Step {
 public:
  AveragePoolStep(const Window& w, bool count_include_pad, const StepSpec& spec)
      : g_(w, spec), count_include_pad_(count_include_pad) {
    if constexpr (!kIsFloat) {
      in_zero_ = spec.inputs[0]->qparams.zero_point;
      range_ = code_range(*spec.output, {});
      multiplier_.push_back(0.0f);
      const double in = spec.inputs[0]->qparams.scale, out = spec.output->qparams.scale;
      for (std::int64_t count = 1; count <= w.kernel[0] * w.kernel[1]; ++count)
        multiplier_.push_back(multiplier(in, out * static_cast<double>(count)));
    }
  }

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, g_.out.pixels(), g_.pixel_work(),
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       const T* in = args.inputs[0].sample<const T>(s);
                       T* out = args.output.sample<T>(s);
                       g_.for_windows(p0, p1, [&](std::int64_t p, const Taps& y, const Taps& x) {
                         for (std::int64_t c = 0; c < g_.in.channels; c += kBlock)
                           window(in + c, y, x, block(c), out + p * g_.out.pixel_stride + c);
                       });
                     });
  }

 private:
  static constexpr bool kIsFloat = std::is_same_v<T, float>;
  using Sum = std::conditional_t<kIsFloat, float, std::int32_t>;

  std::int64_t block(std::int64_t c) const {
    return g_.in.channels - c < kBlock ? g_.in.channels - c : kBlock;
  }
  void window(const T* in, const Taps& y, const Taps& x, std::int64_t n, T* out) const {
    Sum sum[kBlock] = {};
    g_.for_taps(y, x, [&](std::int64_t offset) {
      const T* pixel = in + offset;
      for (std::int64_t c = 0; c < n; ++c) sum[c] += pixel[c];
    });
    const std::int64_t inside =
        count_inside(y, g_.window.dilation[0]) * count_inside(x, g_.window.dilation[1]);
    const std::int64_t count = count_include_pad_ ? y.padded * x.padded : inside;
    if constexpr (kIsFloat) {
      const auto divisor = static_cast<float>(count > 0 ? count : 1);
      for (std::int64_t c = 0; c < n; ++c) out[c] = sum[c] / divisor;
    } else {
      const auto zeros = static_cast<std::int32_t>(inside) * in_zero_;
      const float m = multiplier_[static_cast<std::size_t>(count)];
      const CodeRange range = range_;
      for (std::int64_t c = 0; c < n; ++c) out[c] = u8_code(range, static_cast<float>(sum[c] - zeros) * m);
    }
  }

  Geometry g_;
  bool count_include_pad_;
  std::int32_t in_zero_ = 0;
  CodeRange range_;
  std::vector<float> multiplier_;  ///< by count
};

Shape pooled_shape(const Window& window, bool ceil_mode, std::span<const Shape> inputs,
                   std::string_view what) {
  require_inputs(inputs, 1, what);
  const Shape& in = inputs[0];
  if (in.rank() != 3)
    throw Error(ErrorCode::shape_mismatch, fmt::format("{} takes C x H x W, not {}", what, in.to_string()));
  // Sums of codes and the positions of windows are kept in 32 bits.
  if (window.kernel[0] > 2048 || window.kernel[1] > 2048)
    throw Error(ErrorCode::unsupported, fmt::format("{}: a window of {} x {} is larger than 2048", what,
                                                    window.kernel[0], window.kernel[1]));
  const auto size = window.output_size(in[1], in[2], ceil_mode, what);
  return {in[0], size[0], size[1]};
}

template <class Op, template <class> class StepOf, class... Args>
std::unique_ptr<Step> make_pool(const StepSpec& spec, const Args&... args) {
  if (require_same_dtype(spec, Op::kName) == DType::f32)
    return std::make_unique<StepOf<float>>(args..., spec);
  return std::make_unique<StepOf<std::uint8_t>>(args..., spec);
}

}  // namespace

Shape infer_shape(const MaxPoolOp& op, std::span<const Shape> inputs) {
  return pooled_shape(op.window, op.ceil_mode, inputs, MaxPoolOp::kName);
}

Shape infer_shape(const AveragePoolOp& op, std::span<const Shape> inputs) {
  return pooled_shape(op.window, op.ceil_mode, inputs, AveragePoolOp::kName);
}

Shape infer_shape(const GlobalAveragePoolOp&, std::span<const Shape> inputs) {
  require_inputs(inputs, 1, GlobalAveragePoolOp::kName);
  Window window;
  if (inputs[0].rank() == 3) window.kernel = {inputs[0][1], inputs[0][2]};
  return pooled_shape(window, false, inputs, GlobalAveragePoolOp::kName);
}

std::unique_ptr<Step> make_step(const MaxPoolOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  require_equal_qparams(spec, MaxPoolOp::kName);
  return make_pool<MaxPoolOp, MaxPoolStep>(spec, op);
}

std::unique_ptr<Step> make_step(const AveragePoolOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  return make_pool<AveragePoolOp, AveragePoolStep>(spec, op.window, op.count_include_pad);
}

std::unique_ptr<Step> make_step(const GlobalAveragePoolOp& op, const StepSpec& spec) {
  require_shapes(op, spec);
  Window window;
  window.kernel = {spec.inputs[0]->shape[1], spec.inputs[0]->shape[2]};
  return make_pool<GlobalAveragePoolOp, AveragePoolStep>(spec, window, false);
}

}  // namespace lowbit::ops
