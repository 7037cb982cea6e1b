// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/layout.h"

#include <fmt/format.h>

#include "layers/step_common.h"
#include "lowbit/core/error.h"
#include "lowbit/layers/row_codes.h"

namespace lowbit {

SampleLayout sample_layout(const Shape& shape, DType dtype) {
  SampleLayout l;
  if (dtype == DType::i64) {
    l.channels = l.pixel_stride = shape.elements();
    l.sample_stride = ops::round_up(l.channels, 8);
    return l;
  }
  switch (shape.rank()) {
    case 1:
      l.channels = shape[0];
      break;
    case 2:
      l.width = shape[0], l.channels = shape[1];
      break;
    case 3:
      l.channels = shape[0], l.height = shape[1], l.width = shape[2];
      break;
    case 0:
      break;
    default:
      l.channels = shape[shape.rank() - 1];
      l.width = l.channels == 0 ? 0 : shape.elements() / l.channels;
  }
  constexpr std::int64_t kLineBytes = 64;
  if (dtype == DType::u8) {
    l.pixel_stride = ops::round_up(l.channels, 4);
    // A run of codes that starts anywhere in a pixel is read in fours, and may reach 3 codes behind it.
    l.tail = ops::round_up(l.channels % 4 ? l.channels + 3 : l.channels, kLineBytes);
    if (l.tail < kLineBytes) l.tail = kLineBytes;
    l.sample_stride = ops::round_up(l.zero_pixel() + l.tail, kLineBytes);
  } else {
    l.pixel_stride = l.channels;
    l.tail = shape.rank() == 3 ? l.channels : 0;
    l.sample_stride =
        ops::round_up(l.zero_pixel() + l.tail, kLineBytes / static_cast<std::int64_t>(sizeof(float)));
  }
  return l;
}

SampleLayout ValueType::layout() const {
  if (dtype != DType::rows) return sample_layout(shape, dtype);
  SampleLayout l = sample_layout(shape, DType::f32);
  l.pixel_stride = static_cast<std::int64_t>(coded_row_bytes(l.channels, bits));
  l.tail = 0;
  l.sample_stride = ops::round_up(l.zero_pixel(), 64);
  return l;
}

std::size_t ValueType::sample_bytes() const {
  const auto elements = static_cast<std::size_t>(layout().sample_stride);
  switch (dtype) {
    case DType::i64:
      return elements * sizeof(std::int64_t);
    case DType::f32:
      return elements * sizeof(float);
    default:
      return elements;
  }
}

}  // namespace lowbit
