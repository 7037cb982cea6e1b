// SPDX-License-Identifier: Apache-2.0
// Convolutions as products of matrices: the elements that a window reads become a column.
#pragma once

#include <algorithm>
#include <cstdint>

#include "arrays/product.h"
#include "arrays/window.h"

namespace lowbit::arrays {

/// Calls body(tap, at, from, n) for stretches of windows [first, first + count): window first + at + i reads
/// element from + i * stride (of the last axis) of the input with this tap, for i in [0, n). What a window
/// reads of the padding is left out.
template <class Body>
void for_each_stretch(const Window& window, std::int64_t first, std::int64_t count, Body&& body) {
  const auto& [a, b, c] = window.axes;
  for (std::int64_t at = 0; at < count;) {
    const std::int64_t x = (first + at) % c.out, row = (first + at) / c.out,
                       n = std::min(c.out - x, count - at);
    const std::int64_t i = row / b.out, j = row % b.out;
    for (std::int64_t ka = a.first_tap(i); ka < a.end_tap(i, a.in); ++ka)
      for (std::int64_t kb = b.first_tap(j); kb < b.end_tap(j, b.in); ++kb) {
        const std::int64_t line =
            ((a.start(i) + ka * a.dilation) * b.in + b.start(j) + kb * b.dilation) * c.in;
        const std::int64_t tap = (ka * b.kernel + kb) * c.kernel;
        for (std::int64_t kc = 0; kc < c.kernel; ++kc) {
          const std::int64_t shift = kc * c.dilation - c.pad_before;
          const std::int64_t low = std::max(x, shift < 0 ? (-shift + c.stride - 1) / c.stride : 0);
          const std::int64_t room = c.in - shift;
          const std::int64_t high = std::min(x + n, room > 0 ? (room + c.stride - 1) / c.stride : 0);
          if (low < high) body(tap + kc, at + low - x, line + low * c.stride + shift, high - low);
        }
      }
    at += n;
  }
}

/// A convolution in groups. `window` is of the input; of a transposed convolution, of its output.
struct Convolution {
  Window window{};
  std::int64_t images = 0, groups = 1, in_channels = 0, out_channels = 0;  ///< channels of one group

  bool is_pointwise() const {
    for (const Window::Axis& a : window.axes)
      if (a.kernel != 1 || a.stride != 1 || a.pad_before != 0 || a.out != a.in) return false;
    return true;
  }
  /// Windows that are columns at the same time; of a transposed one, `channels` are those of its output.
  std::int64_t block(std::int64_t channels) const {
    const std::int64_t rows = std::max<std::int64_t>(1, channels * window.taps());
    return std::min(window.out_size(), std::clamp<std::int64_t>((1 << 18) / rows, 16, 512));
  }
  std::size_t scratch_elements(std::int64_t channels) const {
    return static_cast<std::size_t>(block(channels) * channels * window.taps());
  }

  /// y += w x; `columns`: scratch_elements(in_channels) of them.
  template <class T>
  void add(const T* x, const T* w, T* y, T* columns) const {
    const std::int64_t in_size = window.in_size(), out_size = window.out_size();
    const std::int64_t depth = in_channels * window.taps(), step = block(in_channels);
    for (std::int64_t g = 0; g < images * groups; ++g) {
      const T* image = x + g * in_channels * in_size;
      const StridedMatrix<T> weights{w + g % groups * out_channels * depth, depth, 1};
      T* to = y + g * out_channels * out_size;
      if (is_pointwise()) {
        add_product(out_channels, out_size, depth, weights, image, in_size, to, out_size);
        continue;
      }
      for (std::int64_t first = 0; first < out_size; first += step) {
        const std::int64_t n = std::min(step, out_size - first);
        pack(image, first, n, columns);
        add_product(out_channels, n, depth, weights, columns, n, to + first, out_size);
      }
    }
  }

  /// What windows [first, first + n) read of one image: columns[channel and tap, window].
  template <class T>
  void pack(const T* image, std::int64_t first, std::int64_t n, T* columns) const {
    const std::int64_t taps = window.taps(), in_size = window.in_size(), stride = window.axes[2].stride;
    std::fill_n(columns, in_channels * taps * n, T{});
    for_each_stretch(window, first, n,
                     [&](std::int64_t tap, std::int64_t at, std::int64_t from, std::int64_t count) {
                       for (std::int64_t c = 0; c < in_channels; ++c) {
                         const T* source = image + c * in_size + from;
                         T* to = columns + (c * taps + tap) * n + at;
                         for (std::int64_t i = 0; i < count; ++i) to[i] = source[i * stride];
                       }
                     });
  }
};

/// The other way round: adds columns[channel and tap, window], whose rows are `row` apart, to what the
/// windows read.
template <class T>
void add_columns(const Window& window, std::int64_t channels, std::int64_t first, std::int64_t n,
                 const T* columns, std::int64_t row, T* image) {
  const std::int64_t taps = window.taps(), in_size = window.in_size(), stride = window.axes[2].stride;
  for_each_stretch(window, first, n,
                   [&](std::int64_t tap, std::int64_t at, std::int64_t from, std::int64_t count) {
                     for (std::int64_t c = 0; c < channels; ++c) {
                       const T* source = columns + (c * taps + tap) * row + at;
                       T* to = image + c * in_size + from;
                       for (std::int64_t i = 0; i < count; ++i) to[i * stride] += source[i];
                     }
                   });
}

/// Reads groups, window and sizes of an operator like Conv with inputs `x` and `w`.
Convolution read_convolution(const Call& call, int x, int w);

}  // namespace lowbit::arrays
