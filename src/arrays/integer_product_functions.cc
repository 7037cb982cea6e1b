// SPDX-License-Identifier: Apache-2.0
// Products and convolutions of quantized integers. Zero points are subtracted first, so that padding is 0.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "arrays/arithmetic.h"
#include "arrays/batched_product.h"
#include "arrays/convolution.h"
#include "arrays/numbers.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

/// Strides of what is in input `i` along the axes of `to`: one number, or what broadcasts to it. A vector has
/// one number for each row (the last axis but one) if `by_rows`.
Dims point_strides(const Call& call, int i, const Shape& to, bool by_rows) {
  std::vector<std::int64_t> from;
  for (const std::int64_t dim : call.shape(i).dims()) from.push_back(dim);
  if (by_rows && from.size() == 1 && from[0] != 1) from.push_back(1);
  const Shape shape = call.make_shape(from);
  const Dims dims = padded_dims(shape), whole = padded_dims(to);
  bool fits = shape.rank() <= to.rank() || shape.elements() == 1;
  for (std::size_t axis = 0; axis < dims.size(); ++axis)
    fits = fits && (dims[axis] == 1 || dims[axis] == whole[axis]);
  if (!fits)
    call.reject(
        fmt::format("has scales or zero points of {} for {}", call.shape(i).to_string(), to.to_string()));
  return broadcast_strides(shape);
}

/// Of one number, or one for each output channel of weights [M, ...].
Dims channel_strides(const Call& call, int i, const Shape& weights) {
  if (call.shape(i).elements() == 1) return {};
  if (call.rank(i) != 1 || call.shape(i)[0] != weights[0])
    call.reject(fmt::format("has scales or zero points of {} for weights of {}", call.shape(i).to_string(),
                            weights.to_string()));
  Dims strides{};
  strides[static_cast<std::size_t>(Shape::kMaxRank - weights.rank())] = 1;
  return strides;
}

/// Input `i` less the zero points of input `point`, if there are any.
struct Centred {
  std::size_t i = 0, point = 0;
  bool has_points = false;
  Dims dims{}, strides{};

  void operator()(const Run& run, std::int64_t* to) const {
    const std::int64_t* x = run.in[i].integers;
    const std::int64_t none = 0;
    const std::int64_t* z = has_points ? run.in[point].integers : &none;
    for_each_line(dims, strides, Dims{}, [&](std::int64_t at, std::int64_t from, std::int64_t) {
      for (std::int64_t k = 0; k < dims.back(); ++k) to[at + k] = x[at + k] - z[from + k * strides.back()];
    });
  }
};

Centred centred(const Call& call, int i, int point) {
  const ElementType type = call.element(i);
  if (is_float(type) || type == ElementType::i64 || type == ElementType::u64)
    call.reject("needs integers of at most 32 bits");
  if (call.has(point) && call.element(point) != type) call.reject("has zero points of another type");
  return {static_cast<std::size_t>(i),
          static_cast<std::size_t>(point),
          call.has(point),
          padded_dims(call.shape(i)),
          {}};
}

Centred centred_matrix(const Call& call, int i, int point, bool by_rows) {
  Centred c = centred(call, i, point);
  if (c.has_points) c.strides = point_strides(call, point, call.shape(i), by_rows);
  return c;
}

Centred centred_weights(const Call& call, int i, int point) {
  Centred c = centred(call, i, point);
  if (c.has_points) c.strides = channel_strides(call, point, call.shape(i));
  return c;
}

Centred centred_image(const Call& call, int i, int point) {
  Centred c = centred(call, i, point);
  if (c.has_points && call.shape(point).elements() != 1) call.reject("has several zero points of its input");
  return c;
}

/// Sums in the output become what is nearest, in units of its scale.
struct Requantize {
  std::size_t a_scale = 0, b_scale = 0, y_scale = 0, y_point = 0;
  Dims dims{}, a_strides{}, b_strides{};
  IntegerRange range{};

  void operator()(const Run& run) const {
    const float *a = run.in[a_scale].floats, *b = run.in[b_scale].floats, unit = run.in[y_scale].floats[0];
    const std::int64_t zero = run.in[y_point].integers[0];
    std::int64_t* y = run.out[0].integers;
    for_each_line(dims, a_strides, b_strides, [&](std::int64_t at, std::int64_t from_a, std::int64_t from_b) {
      for (std::int64_t k = 0; k < dims.back(); ++k) {
        const float ratio = a[from_a + k * a_strides.back()] * b[from_b + k * b_strides.back()] / unit;
        const double v = std::rint(static_cast<double>(y[at + k]) * ratio);
        y[at + k] = std::clamp(truncate_to<std::int64_t>(std::clamp(v, -0x1p40, 0x1p40)) + zero, range.low,
                               range.high);
      }
    });
  }
};

/// `a` and `b` are the inputs that hold the scales, `y` that of the output, before its zero point.
Requantize requantize(const Call& call, int a, int b, int y, const Shape& output) {
  for (const int i : {a, b, y})
    if (!is_float(call.element(i))) call.reject("needs floats as scales");
  if (call.shape(y).elements() != 1 || call.shape(y + 1).elements() != 1)
    call.refuse("has several scales of its output");
  const ElementType type = call.element(y + 1);
  if (type != ElementType::i8 && type != ElementType::u8)
    call.refuse(fmt::format("gives {}", element_name(type)));
  return {static_cast<std::size_t>(a),
          static_cast<std::size_t>(b),
          static_cast<std::size_t>(y),
          static_cast<std::size_t>(y + 1),
          padded_dims(output),
          {},
          {},
          integer_range(type)};
}

Prepared matmul_integer(const Call& call) {
  const BatchedProduct p = batched_product(call, 0, 1);
  const Centred a = centred_matrix(call, 0, 2, true), b = centred_matrix(call, 1, 3, false);
  const std::int64_t a_size = call.shape(0).elements(), b_size = call.shape(1).elements();
  const auto run_product = [p, a, b, a_size](const Run& run) {
    auto* factors = reinterpret_cast<std::int64_t*>(run.scratch);
    a(run, factors);
    b(run, factors + a_size);
    p.multiply(bits(factors), bits(factors + a_size), bits(run.out[0].integers));
    wrap_all(run.out[0]);
  };
  return {{{ElementType::i32, p.output}},
          run_product,
          static_cast<std::size_t>(a_size + b_size) * sizeof(std::int64_t)};
}

/// a, its scale and zero point, b, its scale and zero point, those of the output.
Prepared qlinear_matmul(const Call& call) {
  const BatchedProduct p = batched_product(call, 0, 3);
  const Centred a = centred_matrix(call, 0, 2, true), b = centred_matrix(call, 3, 5, false);
  Requantize finish = requantize(call, 1, 4, 6, p.output);
  finish.a_strides = point_strides(call, 1, p.output, true);
  finish.b_strides = point_strides(call, 4, p.output, false);
  const std::int64_t a_size = call.shape(0).elements(), b_size = call.shape(3).elements();
  const auto run_product = [p, a, b, a_size, finish](const Run& run) {
    auto* factors = reinterpret_cast<std::int64_t*>(run.scratch);
    a(run, factors);
    b(run, factors + a_size);
    p.multiply(bits(factors), bits(factors + a_size), bits(run.out[0].integers));
    finish(run);
  };
  return {{{call.element(7), p.output}},
          run_product,
          static_cast<std::size_t>(a_size + b_size) * sizeof(std::int64_t)};
}

/// A convolution of integers that are centred in scratch memory.
struct CentredConvolution {
  Convolution conv{};
  Centred x{}, w{};
  std::int64_t x_size = 0, w_size = 0;

  std::size_t scratch_bytes() const {
    return (static_cast<std::size_t>(x_size + w_size) + conv.scratch_elements(conv.in_channels)) *
           sizeof(std::int64_t);
  }
  std::int64_t channels() const { return conv.groups * conv.out_channels; }
  /// Into the output; `bias`, one number for each channel, may be null.
  void operator()(const Run& run, const std::int64_t* bias) const {
    auto* images = reinterpret_cast<std::int64_t*>(run.scratch);
    std::int64_t *weights = images + x_size, *columns = weights + w_size, *y = run.out[0].integers;
    x(run, images);
    w(run, weights);
    const std::int64_t area = conv.window.out_size();
    for (std::int64_t i = 0; i < conv.images * channels(); ++i)
      std::fill_n(y + i * area, area, bias ? bias[i % channels()] : 0);
    conv.add(bits(images), bits(weights), bits(y), bits(columns));
  }
};

CentredConvolution centred_convolution(const Call& call, int x, int x_point, int w, int w_point) {
  return {read_convolution(call, x, w), centred_image(call, x, x_point), centred_weights(call, w, w_point),
          call.shape(x).elements(), call.shape(w).elements()};
}

Prepared conv_integer(const Call& call) {
  const CentredConvolution c = centred_convolution(call, 0, 2, 1, 3);
  const Shape output = output_shape(call, c.conv.window, c.conv.images, c.channels());
  const auto run_conv = [c](const Run& run) {
    c(run, nullptr);
    wrap_all(run.out[0]);
  };
  return {{{ElementType::i32, output}}, run_conv, c.scratch_bytes()};
}

/// x, its scale and zero point, w, its scale and zero point, those of the output, a bias.
Prepared qlinear_conv(const Call& call) {
  const CentredConvolution c = centred_convolution(call, 0, 2, 3, 5);
  const Shape output = output_shape(call, c.conv.window, c.conv.images, c.channels());
  if (call.has(8) &&
      (call.element(8) != ElementType::i32 || call.rank(8) != 1 || call.shape(8)[0] != c.channels()))
    call.reject(fmt::format("has a bias of {} for {} channels", call.shape(8).to_string(), c.channels()));
  if (call.shape(1).elements() != 1) call.reject("has several scales of its input");
  Requantize finish = requantize(call, 1, 4, 6, output);
  // Scales of the weights follow the second axis of the output.
  const Dims strides = channel_strides(call, 4, call.shape(3));
  std::copy(strides.begin(), strides.end() - 1, finish.b_strides.begin() + 1);
  const auto run_conv = [c, finish](const Run& run) {
    c(run, run.in.size() > 8 && run.in[8].is_present() ? run.in[8].integers : nullptr);
    finish(run);
  };
  return {{{call.element(7), output}}, run_conv, c.scratch_bytes()};
}

constexpr Function kIntegerProductFunctions[] = {
    {"ConvInteger", conv_integer},
    {"MatMulInteger", matmul_integer},
    {"QLinearConv", qlinear_conv},
    {"QLinearMatMul", qlinear_matmul},
};

}  // namespace

std::span<const Function> integer_product_functions() {
  return kIntegerProductFunctions;
}

}  // namespace lowbit::arrays
