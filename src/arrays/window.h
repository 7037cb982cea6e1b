// SPDX-License-Identifier: Apache-2.0
// Window: a kernel that moves over the spatial axes of an array [N, C, D1, D2, D3]. Fewer than three axes
// have others of size 1 before them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "arrays/call.h"

namespace lowbit::arrays {

inline constexpr int kMaxSpatial = 3;

struct Window {
  struct Axis {
    std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, pad_before = 0, pad_after = 0;

    /// Where the first tap of window `o` lies; less than 0 in the padding.
    std::int64_t start(std::int64_t o) const { return o * stride - pad_before; }
    /// Taps [first_tap, end_tap) of window `o` lie in [low, high) of the input.
    std::int64_t first_tap(std::int64_t o, std::int64_t low = 0) const {
      const std::int64_t missing = low - start(o);
      return missing <= 0 ? 0 : (missing + dilation - 1) / dilation;
    }
    std::int64_t end_tap(std::int64_t o, std::int64_t high) const {
      const std::int64_t room = high - start(o);
      return room <= 0 ? 0 : std::min(kernel, (room + dilation - 1) / dilation);
    }
    std::int64_t reach() const { return (kernel - 1) * dilation + 1; }
  };

  std::array<Axis, kMaxSpatial> axes{};
  int rank = 0;  ///< spatial axes that the operator has

  std::int64_t in_size() const { return axes[0].in * axes[1].in * axes[2].in; }
  std::int64_t out_size() const { return axes[0].out * axes[1].out * axes[2].out; }
  /// Where the kernel is the shape of an array.
  std::int64_t taps() const { return axes[0].kernel * axes[1].kernel * axes[2].kernel; }
  /// The axis of the operator's i-th number in 'strides', 'pads', ...
  Axis& axis(int i) { return axes[static_cast<std::size_t>(kMaxSpatial - rank + i)]; }
  const Axis& axis(int i) const { return axes[static_cast<std::size_t>(kMaxSpatial - rank + i)]; }
};

/// Reads 'strides', 'dilations' and 'pads' for an input [N, C, ...] and a kernel. The outputs are not set.
Window read_window(const Call& call, const Shape& input, std::vector<std::int64_t> kernel);

/// The sizes of the outputs, and the paddings that 'auto_pad' asks for.
void set_outputs(const Call& call, Window& window, bool ceil_mode = false);

/// n, c and the window's outputs.
Shape output_shape(const Call& call, const Window& window, std::int64_t n, std::int64_t c);

}  // namespace lowbit::arrays
