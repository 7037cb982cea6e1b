// SPDX-License-Identifier: Apache-2.0
// The input of a convolution over images of few channels, with its padding in place. Its pixels take four
// codes, of which some mean nothing; with weights of zero for those, all taps in a row of the window are one
// contiguous piece of K. Otherwise each would be a piece of its own, with an offset of its own for every
// pixel of the output: for a window of 7 x 7 over 224 x 224 pixels that is 5 MB of offsets, and half of the
// time.
#pragma once

#include <cstdint>

#include "lowbit/layers/conv2d.h"
#include "lowbit/layers/layout.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

class PaddedImage {
 public:
  /// Whether it can take the place of the input `in`, in u8 codes.
  static bool suits(const ops::Conv2dOp& op, const SampleLayout& in, const QuantizedMatrix& weights);
  /// The same weights with a zero for each code that means nothing; in s8, as they must be.
  static QuantizedMatrix widened(const QuantizedMatrix& weights, std::int64_t channels);

  PaddedImage(const ops::Window& window, const SampleLayout& in, const SampleLayout& out);

  const SampleLayout& layout() const { return layout_; }
  /// The window over it: a tap for each row.
  const ops::Window& window() const { return window_; }
  void fill(const std::uint8_t* sample, std::int32_t zero_point, std::uint8_t* image) const noexcept;

 private:
  SampleLayout in_, layout_;
  ops::Window window_;
  std::int64_t top_, left_;
};

}  // namespace lowbit
