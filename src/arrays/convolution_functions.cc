// SPDX-License-Identifier: Apache-2.0
// Convolutions of one to three dimensions.
#include "arrays/convolution.h"

#include <fmt/format.h>

#include "arrays/numbers.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

/// The kernel is the shape of the weights; 'kernel_shape' says the same.
std::vector<std::int64_t> kernel_of(const Call& call, int w) {
  const Shape& weights = call.shape(w);
  std::vector<std::int64_t> kernel;
  for (int i = 2; i < weights.rank(); ++i) kernel.push_back(weights[i]);
  if (call.ints_attribute("kernel_shape", kernel) != kernel)
    call.reject(fmt::format("has a kernel_shape that its weights of {} have not", weights.to_string()));
  return kernel;
}

std::int64_t read_groups(const Call& call, std::int64_t channels) {
  const std::int64_t groups = call.int_attribute("group", 1);
  if (groups < 1 || channels % groups != 0)
    call.reject(fmt::format("has {} groups of {} channels", groups, channels));
  return groups;
}

/// Input 2 has one element for each of `count` channels.
void require_bias(const Call& call, std::int64_t count) {
  if (call.has(2) && (call.rank(2) != 1 || call.shape(2)[0] != count || !is_float(call.element(2))))
    call.reject(fmt::format("has a bias of {} for {} channels", call.shape(2).to_string(), count));
}

/// Each of `planes` planes of `size` elements is its channel's bias, or 0.
void fill_bias(const Run& run, std::int64_t planes, std::int64_t channels, std::int64_t size) {
  const float* bias = run.in.size() > 2 && run.in[2].is_present() ? run.in[2].floats : nullptr;
  for (std::int64_t i = 0; i < planes; ++i)
    std::fill_n(run.out[0].floats + i * size, size, bias ? bias[i % channels] : 0.0f);
}

Prepared conv(const Call& call) {
  if (!is_float(call.element(0)) || call.element(1) != call.element(0)) call.reject("needs floats");
  const Convolution c = read_convolution(call, 0, 1);
  const std::int64_t channels = c.groups * c.out_channels;
  require_bias(call, channels);
  return {{{call.element(0), output_shape(call, c.window, c.images, channels)}},
          [c, channels](const Run& run) {
            fill_bias(run, c.images * channels, channels, c.window.out_size());
            c.add(run.in[0].floats, run.in[1].floats, run.out[0].floats,
                  reinterpret_cast<float*>(run.scratch));
          },
          c.scratch_elements(c.in_channels) * sizeof(float)};
}

/// Sizes of the output and paddings of a transposed convolution. The window is that of the convolution which
/// it turns round: its input is the output here.
void set_transposed(const Call& call, Window& window) {
  const auto count = static_cast<std::size_t>(window.rank);
  const std::vector<std::int64_t> sizes = call.ints_attribute("output_shape", {});
  const std::vector<std::int64_t> more =
      call.ints_attribute("output_padding", std::vector<std::int64_t>(count, 0));
  if (more.size() != count || (!sizes.empty() && sizes.size() < count))
    call.reject("has an output_shape or output_padding of another number of dimensions");
  const std::string auto_pad = call.text_attribute("auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  for (std::size_t i = 0; i < count; ++i) {
    Window::Axis& a = window.axis(static_cast<int>(i));
    if (more[i] < 0 || more[i] >= std::max(a.stride, a.dilation))
      call.reject(fmt::format("has an output_padding of {}", more[i]));
    a.out = a.in;
    const std::int64_t whole = a.in > 0 ? a.stride * (a.in - 1) + more[i] + a.reach() : 0;
    if (!sizes.empty() || same) {
      a.in = sizes.empty() ? a.out * a.stride : sizes[sizes.size() - count + i];
      const std::int64_t total = std::max<std::int64_t>(0, whole - a.in);
      a.pad_before = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    } else {
      if (auto_pad == "VALID") a.pad_before = a.pad_after = 0;
      a.in = whole - a.pad_before - a.pad_after;
    }
  }
}

Prepared conv_transpose(const Call& call) {
  const Shape &x = call.shape(0), &w = call.shape(1);
  if (!is_float(call.element(0)) || call.element(1) != call.element(0)) call.reject("needs floats");
  Convolution c;
  if (w.rank() != x.rank())
    call.reject(fmt::format("has weights of {} for {}", w.to_string(), x.to_string()));
  c.window = read_window(call, x, kernel_of(call, 1));
  c.images = x[0], c.groups = read_groups(call, x[1]);
  c.in_channels = x[1] / c.groups, c.out_channels = w[1];
  if (w[0] != x[1]) call.reject(fmt::format("has weights of {} for {}", w.to_string(), x.to_string()));
  set_transposed(call, c.window);
  const std::int64_t channels = c.groups * c.out_channels;
  require_bias(call, channels);
  std::vector<std::int64_t> dims{c.images, channels};
  for (int i = 0; i < c.window.rank; ++i) dims.push_back(c.window.axis(i).in);
  const auto run_transposed = [c, channels](const Run& run) {
    const std::int64_t in_size = c.window.out_size(), out_size = c.window.in_size(),
                       step = c.block(c.out_channels);
    const std::int64_t depth = c.out_channels * c.window.taps();
    auto* columns = reinterpret_cast<float*>(run.scratch);
    fill_bias(run, c.images * channels, channels, out_size);
    for (std::int64_t g = 0; g < c.images * c.groups; ++g) {
      const float* image = run.in[0].floats + g * c.in_channels * in_size;
      const StridedMatrix<float> weights{run.in[1].floats + g % c.groups * c.in_channels * depth, 1, depth};
      for (std::int64_t first = 0; first < in_size; first += step) {
        const std::int64_t n = std::min(step, in_size - first);
        std::fill_n(columns, depth * n, 0.0f);
        add_product(depth, n, c.in_channels, weights, image + first, in_size, columns, n);
        add_columns(c.window, c.out_channels, first, n, columns, n,
                    run.out[0].floats + g * c.out_channels * out_size);
      }
    }
  };
  return {{{call.element(0), call.make_shape(dims)}},
          run_transposed,
          c.scratch_elements(c.out_channels) * sizeof(float)};
}

/// Columns of blocks are added where they come from.
Prepared col2im(const Call& call) {
  if (call.rank(0) != 3 || !is_float(call.element(0))) call.refuse("has no floats of three dimensions");
  const std::vector<std::int64_t> image = call.integers(1), block = call.integers(2);
  std::int64_t taps = 1;
  for (const std::int64_t b : block) {
    if (b < 1 || b > call.shape(0)[1]) call.reject(fmt::format("has blocks of {}", b));
    taps *= b;
    if (taps > call.shape(0)[1])
      call.reject(fmt::format("has blocks of more than {} elements", call.shape(0)[1]));
  }
  const std::int64_t images = call.shape(0)[0], channels = call.shape(0)[1] / taps,
                     columns = call.shape(0)[2];
  std::vector<std::int64_t> dims{images, channels};
  dims.insert(dims.end(), image.begin(), image.end());
  const Shape output = call.make_shape(dims);
  Window window = read_window(call, output, block);
  set_outputs(call, window);
  output_shape(call, window, images, channels);
  if (channels * taps != call.shape(0)[1] || window.out_size() != columns)
    call.reject(fmt::format("makes {} of {}", output.to_string(), call.shape(0).to_string()));
  return {{{call.element(0), output}}, [=](const Run& run) {
            std::fill_n(run.out[0].floats, output.elements(), 0.0f);
            for (std::int64_t i = 0; i < images; ++i)
              add_columns(window, channels, 0, columns, run.in[0].floats + i * channels * taps * columns,
                          columns, run.out[0].floats + i * channels * window.in_size());
          }};
}

constexpr Function kConvolutionFunctions[] = {
    {"Col2Im", col2im},
    {"Conv", conv},
    {"ConvTranspose", conv_transpose},
};

}  // namespace

Convolution read_convolution(const Call& call, int i_x, int i_w) {
  const Shape &x = call.shape(i_x), &w = call.shape(i_w);
  Convolution c;
  if (w.rank() != x.rank() || x.rank() < 3)
    call.reject(fmt::format("has weights of {} for {}", w.to_string(), x.to_string()));
  c.window = read_window(call, x, kernel_of(call, i_w));
  c.groups = read_groups(call, w[0]);
  c.images = x[0], c.in_channels = w[1], c.out_channels = w[0] / c.groups;
  if (c.groups > x[1] || w[1] * c.groups != x[1])
    call.reject(fmt::format("has weights of {} in {} groups for {}", w.to_string(), c.groups, x.to_string()));
  set_outputs(call, c.window);
  output_shape(call, c.window, c.images, w[0]);
  return c;
}

std::span<const Function> convolution_functions() {
  return kConvolutionFunctions;
}

}  // namespace lowbit::arrays
