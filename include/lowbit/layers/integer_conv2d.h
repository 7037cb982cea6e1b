// SPDX-License-Identifier: Apache-2.0
// IntegerConv2d: a convolution of codes on memory of the caller's own, with the sums, biases and roundings of
// gemm.h. For programs that have the tensors of a TensorFlow Lite model, or call CMSIS-NN: 8 and 16 bit
// activations, weights of 8 and 4 bits, channels last. docs/gemm.md has their calls beside it.
#pragma once

#include <cstdint>
#include <memory>

#include "lowbit/layers/gemm.h"
#include "lowbit/layers/op_common.h"

namespace lowbit {

/// Sizes, and the types of what goes in and comes out.
struct IntegerConv2dShape {
  std::int64_t height = 1, width = 1, channels = 1;  ///< of the input
  std::int64_t out_channels = 1;
  ops::Window window{};     ///< padding reads the zero point of the input
  std::int64_t groups = 1;  ///< `channels`, of which each gives one or more output channels: depthwise
  ElementType in = ElementType::i8;   ///< u8, i8, i16
  ElementType out = ElementType::i8;  ///< what a GemmResult may be
};

class IntegerConv2d {
 public:
  /// Packs `weights`, of u8, s8 or 4 bits, and keeps copies of what `options` point to. A row of weights
  /// belongs to an output channel and has kernel height x kernel width x (channels / groups) elements,
  /// channels innermost. TensorFlow Lite's filters are, with h x w x c for these,
  ///   OHWI, convolution    IntegerView(filter, out_channels, h * w * c)
  ///   1HWO, depthwise      IntegerView(filter, h * w, out_channels).transposed()
  /// a_zero_point is the input's (minus CMSIS-NN's input offset), b_zero_points are the weights'; columns are
  /// output channels. Throws as PackedB and gemm do.
  IntegerConv2d(const IntegerConv2dShape& shape, const IntegerView& weights, const GemmOptions& options = {});

  std::int64_t out_height() const;
  std::int64_t out_width() const;
  /// Name of the kernel that runs: "s8/avx2", "depthwise/avx2".
  const char* kernel() const;

  /// Pixels are rows and channels columns: `in` has images * height * width rows, `out` images * out_height *
  /// out_width. Throws Error(shape_mismatch), Error(invalid_argument) for other types and memory that
  /// overlaps, before anything is written; std::bad_alloc for its working memory. Concurrent calls are safe.
  void forward(const IntegerView& in, const GemmResult& out) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace lowbit
