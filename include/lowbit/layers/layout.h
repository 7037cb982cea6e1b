// SPDX-License-Identifier: Apache-2.0
// How one sample of a value lies in memory while a model runs. Logically a sample is C x H x W, T x F or F;
// in memory it is always height x width pixels of `channels` consecutive elements (channels last). A sample
// of more than three dimensions lies as it is, the last one being the channels, and so do integers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lowbit/core/qparams.h"
#include "lowbit/core/shape.h"

namespace lowbit {

/// i64 holds integers and booleans of every width, which only Array computes with; rows are those of
/// row_codes.h, codes with a scale and a middle for each row along the last axis, of samples of four
/// dimensions.
enum class DType : std::uint8_t { f32, u8, i64, rows };

/// Strides in elements; of rows in bytes, a row being a pixel.
struct SampleLayout {
  std::int64_t height = 1, width = 1, channels = 1;
  std::int64_t pixel_stride =
      1;                  ///< channels; for u8 rounded up to a multiple of 4 (the extra codes mean nothing)
  std::int64_t tail = 0;  ///< room behind the last pixel for one pixel of zero points (u8) or zeros (f32
                          ///< samples of C x H x W), which is what padding taps of a convolution read; u8: at
                          ///< least 64 bytes
  std::int64_t sample_stride = 1;  ///< pixels and tail, rounded up to 64 bytes

  std::int64_t pixels() const { return height * width; }
  std::int64_t zero_pixel() const { return pixels() * pixel_stride; }  ///< offset of the tail
};

/// What a value of a model is: sample shape (without the batch), element type, and parameters of its codes.
struct ValueType {
  Shape shape;
  DType dtype = DType::f32;
  QParams qparams;  ///< for u8; zero_point is one of codes()
  int bits = 8;     ///< for u8, 2 to 8: a code takes a byte, and has 2^bits values; for rows 8 or 4

  IntRange codes() const { return unsigned_range(bits); }

  SampleLayout layout() const;
  std::size_t sample_bytes() const;
};

/// Of all but rows.
SampleLayout sample_layout(const Shape& shape, DType dtype);

}  // namespace lowbit
