// SPDX-License-Identifier: Apache-2.0
#include "layers/conv2d_taps_and_padding.h"

namespace lowbit {

RowOffsets make_row_offsets(const SampleLayout& in, const SampleLayout& out, const ops::Window& window,
                            std::int64_t element) {
  const auto [kernel_h, kernel_w] = window.kernel;
  RowOffsets offsets(static_cast<std::size_t>(kernel_h * kernel_w * out.pixels()));
  auto* next = offsets.data();
  for (std::int64_t ky = 0; ky < kernel_h; ++ky)
    for (std::int64_t kx = 0; kx < kernel_w; ++kx)
      for (std::int64_t oy = 0; oy < out.height; ++oy)
        for (std::int64_t ox = 0; ox < out.width; ++ox) {
          const std::int64_t y = oy * window.stride[0] - window.pad[0] + ky * window.dilation[0];
          const std::int64_t x = ox * window.stride[1] - window.pad[1] + kx * window.dilation[1];
          const bool inside = y >= 0 && y < in.height && x >= 0 && x < in.width;
          *next++ = element * (inside ? (y * in.width + x) * in.pixel_stride : in.zero_pixel());
        }
  return offsets;
}

std::shared_ptr<const RowOffsets> RowOffsetsCache::get(const SampleLayout& in, const SampleLayout& out,
                                                       const ops::Window& window, std::int64_t element) {
  std::vector<std::int64_t> key{in.height, in.width,   in.pixel_stride, in.tail,
                                element,   out.height, out.width};
  key.insert(key.end(), window.kernel.begin(), window.kernel.end());
  key.insert(key.end(), window.stride.begin(), window.stride.end());
  key.insert(key.end(), window.dilation.begin(), window.dilation.end());
  key.insert(key.end(), window.pad.begin(), window.pad.end());
  auto& table = tables_[key];
  if (!table) table = std::make_shared<const RowOffsets>(make_row_offsets(in, out, window, element));
  return table;
}

}  // namespace lowbit
