// SPDX-License-Identifier: Apache-2.0
// Convolutions, pools and resizing: images as N C H W.
#include <fmt/format.h>

#include <algorithm>

#include "io/tflite/write_ops.h"

namespace lowbit::tflite {
namespace {

/// Of height and width; what is missing to whole steps is added at the end first, as SAME_UPPER says.
std::vector<Attribute> window(const Translator& t, schema::Padding padding, std::int64_t stride_h,
                              std::int64_t stride_w) {
  if (t.input(0).rank() != 4 && t.op().code != 67)
    t.reject(fmt::format("reads '{}' of {} dimensions", t.input(0).name, t.input(0).rank()));
  return {{"auto_pad", std::string(padding == schema::Padding::SAME ? "SAME_UPPER" : "VALID")},
          {"strides", Integers{stride_h, stride_w}}};
}

/// The input, the weights with axes in the order of ONNX, and the bias where there is one.
std::vector<std::string> operands(Translator& t, const Integers& perm) {
  std::vector<std::string> inputs{t.read(0, Order::image), t.read_permuted(1, perm)};
  if (t.has_input(2)) inputs.push_back(t.read_bias(2, 1));
  return inputs;
}

void write_pool(Translator& t, const char* type) {
  const auto& o = t.options<schema::Pool2DOptions>();
  std::vector<Attribute> attributes = window(t, o.padding(), o.stride_h(), o.stride_w());
  attributes.emplace_back("kernel_shape", Integers{o.filter_h(), o.filter_w()});
  const Integers& in = t.input(0).dims;
  const std::string x = t.read(0, Order::image);
  const bool whole = std::string_view(type) == "AveragePool" && o.padding() == schema::Padding::VALID &&
                     in[1] == o.filter_h() && in[2] == o.filter_w();
  const std::string result = whole ? t.emit("GlobalAveragePool", {x}) : t.emit(type, {x}, attributes);
  t.give(0, Order::image, t.activated(result, o.activation()));
}

void write_resize(Translator& t, std::vector<Attribute> attributes, bool align_corners, bool half_pixel) {
  const Integers size = t.integers(1);
  const Tensor& in = t.input(0);
  if (size.size() != 2 || in.rank() != 4) t.reject("needs images and a height and a width");
  attributes.emplace_back("coordinate_transformation_mode", std::string(align_corners ? "align_corners"
                                                                        : half_pixel  ? "half_pixel"
                                                                                      : "asymmetric"));
  const std::string x = t.read(0, Order::image);
  const std::string sizes = t.integers_of({in.dims[0], in.dims[3], size[0], size[1]});
  t.give(0, Order::image, t.emit("Resize", {x, "", "", sizes}, attributes));
}

}  // namespace

/// Weights are O H W I.
void write_conv(Translator& t) {
  const auto& o = t.options<schema::Conv2DOptions>();
  const Tensor &x = t.input(0), &w = t.input(1);
  std::vector<Attribute> attributes = window(t, o.padding(), o.stride_h(), o.stride_w());
  attributes.emplace_back("dilations", Integers{o.dilation_h(), o.dilation_w()});
  if (w.rank() != 4 || w.dims[3] < 1 || x.dims[3] % w.dims[3] != 0)
    t.reject(fmt::format("has weights '{}' that do not fit its input", w.name));
  attributes.emplace_back("group", x.dims[3] / w.dims[3]);
  t.give(0, Order::image, t.activated(t.emit("Conv", operands(t, {0, 3, 1, 2}), attributes), o.activation()));
}

/// Weights are 1 H W C, where C counts the results of each channel side by side.
void write_depthwise(Translator& t) {
  const auto& o = t.options<schema::DepthwiseConv2DOptions>();
  const Tensor& x = t.input(0);
  std::vector<Attribute> attributes = window(t, o.padding(), o.stride_h(), o.stride_w());
  attributes.emplace_back("dilations", Integers{o.dilation_h(), o.dilation_w()});
  attributes.emplace_back("group", x.dims[3]);
  t.give(0, Order::image, t.activated(t.emit("Conv", operands(t, {3, 0, 1, 2}), attributes), o.activation()));
}

/// Weights are O H W I. The size of the result is an input; what a convolution of it would pad is cut off.
void write_transpose_conv(Translator& t) {
  const auto& o = t.options<schema::TransposeConvOptions>();
  const Integers size = t.integers(0);
  const Tensor &w = t.input(1), &x = t.input(2);
  if (size.size() != 4 || w.rank() != 4 || x.rank() != 4)
    t.reject("needs images, weights and a size of four dimensions");
  const Integers stride{o.stride_h(), o.stride_w()};
  Integers pads(4, 0), extra(2, 0);
  for (std::size_t i = 0; i < 2; ++i) {
    if (stride[i] < 1 || stride[i] > 1 << 16) t.reject(fmt::format("has the stride {}", stride[i]));
    const std::int64_t all = (x.dims[i + 1] - 1) * stride[i] + w.dims[i + 1], cut = all - size[i + 1];
    const bool is_same = o.padding() == schema::Padding::SAME;
    if (cut < 0 ? -cut >= stride[i] : (cut > 0 && !is_same))
      t.reject(fmt::format("gives {} rows or columns where there are {}", size[i + 1], all));
    pads[i] = std::max<std::int64_t>(cut, 0) / 2;
    pads[i + 2] = std::max<std::int64_t>(cut, 0) - pads[i];
    extra[i] = std::max<std::int64_t>(-cut, 0);
  }
  std::vector<std::string> inputs{t.read(2, Order::image), t.read_permuted(1, {3, 0, 1, 2})};
  if (t.has_input(3)) {
    const Tensor& bias = t.input(3);
    if (bias.type == TensorType::INT32 && bias.scales.empty())
      t.refuse(fmt::format("has a bias '{}' of integers without a scale", bias.name));
    inputs.push_back(t.read_bias(3, 1));
  }
  const std::string result =
      t.emit("ConvTranspose", inputs, {{"strides", stride}, {"pads", pads}, {"output_padding", extra}});
  t.give(0, Order::image, t.activated(result, o.activation()));
}

void write_average_pool(Translator& t) {
  write_pool(t, "AveragePool");
}

void write_max_pool(Translator& t) {
  write_pool(t, "MaxPool");
}

void write_resize_bilinear(Translator& t) {
  const auto* o = t.optional_options<schema::ResizeBilinearOptions>();
  write_resize(t, {{"mode", std::string("linear")}}, o && o->align_corners(), o && o->half_pixel_centers());
}

void write_resize_nearest(Translator& t) {
  const auto* o = t.optional_options<schema::ResizeNearestOptions>();
  const bool align = o && o->align_corners(), half = o && o->half_pixel_centers();
  // With centres at halves TensorFlow cuts off at a place that is half a pixel further on.
  const std::string rounding = align || half ? "round_prefer_ceil" : "floor";
  write_resize(t, {{"mode", std::string("nearest")}, {"nearest_mode", rounding}}, align, half);
}

}  // namespace lowbit::tflite
