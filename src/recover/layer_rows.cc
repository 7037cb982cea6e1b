// SPDX-License-Identifier: Apache-2.0
#include "recover/layer_rows.h"

#include <algorithm>

#include "layers/weight_of.h"

namespace lowbit::detail {

LayerRows::LayerRows(const Model& model, int node) : node_(node) {
  const Graph::Node& n = model.graph().nodes[static_cast<std::size_t>(node)];
  input_ = n.inputs[0];
  output_ = n.output;
  const SampleLayout in = model.type(input_).layout(), out = model.type(output_).layout();
  channels_ = out.channels;
  if (const auto* conv = std::get_if<ops::Conv2dOp>(&n.op)) {
    groups_ = conv->groups;
    window_ = conv->window;
    height_ = in.height, width_ = in.width, in_channels_ = in.channels;
    out_height_ = out.height, out_width_ = out.width;
    columns_ = conv->weight.shape.elements() / conv->weight.shape[0];
  } else {
    columns_ = ops::weight_of(n.op)->shape[1];
    in_channels_ = columns_;
    width_ = out_width_ = out.width;  // steps of a sequence; a flattened input is one row
  }
  group_channels_ = in_channels_ / groups_;
}

bool LayerRows::same_geometry(const LayerRows& o) const {
  return groups_ == o.groups_ && columns_ == o.columns_ && channels_ == o.channels_ && height_ == o.height_ &&
         width_ == o.width_ && in_channels_ == o.in_channels_ && out_height_ == o.out_height_ &&
         out_width_ == o.out_width_ && window_ == o.window_;
}

const float* LayerRows::floats(const ops::TensorArg& value, std::vector<float>& buffer) {
  if (value.type->dtype == DType::f32) return value.sample<float>(0);
  const SampleLayout l = value.type->layout();
  const auto* codes = value.sample<std::uint8_t>(0);
  const QParams q = value.type->qparams;
  buffer.resize(static_cast<std::size_t>(l.pixels() * l.channels));
  float* out = buffer.data();
  for (std::int64_t p = 0; p < l.pixels(); ++p, codes += l.pixel_stride)
    for (std::int64_t c = 0; c < l.channels; ++c)
      *out++ = static_cast<float>(static_cast<std::int32_t>(codes[c]) - q.zero_point) * q.scale;
  return buffer.data();
}

void LayerRows::gather(const float* sample, std::int64_t position, float* row) const {
  const std::int64_t top = position / out_width_ * window_.stride[0] - window_.pad[0],
                     left = position % out_width_ * window_.stride[1] - window_.pad[1];
  std::int64_t tap = 0;
  for (std::int64_t ky = 0; ky < window_.kernel[0]; ++ky)
    for (std::int64_t kx = 0; kx < window_.kernel[1]; ++kx, ++tap) {
      const std::int64_t y = top + ky * window_.dilation[0], x = left + kx * window_.dilation[1];
      const bool inside = y >= 0 && y < height_ && x >= 0 && x < width_;
      const float* pixel = inside ? sample + (y * width_ + x) * in_channels_ : nullptr;
      if (group_channels_ == 1) {  // depthwise
        for (std::int64_t g = 0; g < groups_; ++g) row[g * columns_ + tap] = inside ? pixel[g] : 0.0f;
        continue;
      }
      for (std::int64_t g = 0; g < groups_; ++g) {
        float* out = row + g * columns_ + tap * group_channels_;
        if (inside)
          std::copy_n(pixel + g * group_channels_, group_channels_, out);
        else
          std::fill_n(out, group_channels_, 0.0f);
      }
    }
}

}  // namespace lowbit::detail
