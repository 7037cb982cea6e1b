// SPDX-License-Identifier: Apache-2.0
#include "lowbit/layers/op_common.h"

#include <fmt/format.h>

#include <cmath>

#include "layers/step_common.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::ops {

std::array<std::int64_t, 2> Window::output_size(std::int64_t height, std::int64_t width, bool ceil_mode,
                                                std::string_view what) const {
  const std::array<std::int64_t, 2> size{height, width};
  std::array<std::int64_t, 2> out{};
  for (std::size_t i = 0; i < 2; ++i) {
    if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1 || pad[i] < 0 || pad[i + 2] < 0)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format(
              "{}: kernel {}, stride {} and dilation {} must be positive, padding {} and {} not negative",
              what, kernel[i], stride[i], dilation[i], pad[i], pad[i + 2]));
    const std::int64_t extent = (kernel[i] - 1) * dilation[i] + 1;
    const std::int64_t padded = size[i] + pad[i] + pad[i + 2];
    if (size[i] < 1 || padded < extent)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("{}: a window of extent {} does not fit an input of {} x {} padded to {}", what,
                              extent, height, width, padded));
    const std::int64_t room = padded - extent;
    out[i] = (ceil_mode ? ceil_div(room, stride[i]) : room / stride[i]) + 1;
    // A last window that would start behind the input, in its padding, is dropped (ONNX, PyTorch).
    if (ceil_mode && (out[i] - 1) * stride[i] >= size[i] + pad[i]) --out[i];
  }
  return out;
}

void require_inputs(std::span<const Shape> inputs, std::size_t count, std::string_view what) {
  if (inputs.size() != count)
    throw Error(ErrorCode::shape_mismatch, fmt::format("{} takes {} input{}, not {}", what, count,
                                                       count == 1 ? "" : "s", inputs.size()));
}

CodeRange code_range(const ValueType& output, const Activation& activation) {
  const std::int32_t zero_point = output.qparams.zero_point;
  const float qmin = static_cast<float>(-zero_point);
  const float qmax = static_cast<float>(output.codes().qmax - zero_point);
  const float inverse_scale = 1.0f / output.qparams.scale;
  auto bound = [&](float real) {
    float x = real * inverse_scale;
    x = x < qmin ? qmin : x;
    x = x > qmax ? qmax : x;
    return round_to_even(x);
  };
  return {bound(activation.lo), bound(activation.hi), zero_point};
}

float multiplier(double numerator, double denominator) {
  return static_cast<float>(numerator / denominator);
}

void require_qparams(const ValueType& type, std::string_view what) {
  if (type.dtype != DType::u8) return;
  const QParams& q = type.qparams;
  if (type.bits < 2 || type.bits > 8)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: codes in bytes have 2 to 8 bits, not {}", what, type.bits));
  const std::int32_t qmax = type.codes().qmax;
  if (!std::isnormal(q.scale) || q.scale < 0 || !std::isfinite(1.0f / q.scale) || q.zero_point < 0 ||
      q.zero_point > qmax)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{}: scale {} and zero point {} of a u8 value are not a positive number and 0..{}", what,
                    q.scale, q.zero_point, qmax));
}

DType require_same_dtype(const StepSpec& spec, std::string_view what) {
  require_qparams(*spec.output, what);
  for (const ValueType* input : spec.inputs) {
    require_qparams(*input, what);
    if (input->dtype != spec.output->dtype)
      throw Error(ErrorCode::unsupported,
                  fmt::format("{}: input and output must both be f32 or both be u8", what));
  }
  return spec.output->dtype;
}

void require_equal_qparams(const StepSpec& spec, std::string_view what) {
  if (spec.output->dtype != DType::u8) return;
  const QParams& out = spec.output->qparams;
  for (const ValueType* input : spec.inputs)
    if (!(input->qparams == out) || input->bits != spec.output->bits)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("{} moves codes: its input (scale {}, zero point {}, {} bits) and output (scale {}, "
                      "zero point {}, {} bits) must have the same parameters",
                      what, input->qparams.scale, input->qparams.zero_point, input->bits, out.scale,
                      out.zero_point, spec.output->bits));
}

void require_output_shape(const StepSpec& spec, const Shape& expected, std::string_view what) {
  if (!(spec.output->shape == expected))
    throw Error(ErrorCode::shape_mismatch, fmt::format("{} gives a value of shape {}, not {}", what,
                                                       expected.to_string(), spec.output->shape.to_string()));
}

void require_weight_data(const Tensor& weight, std::string_view what) {
  if (!weight.data.empty() && weight.data.size() != static_cast<std::size_t>(weight.shape.elements()))
    throw Error(ErrorCode::shape_mismatch, fmt::format("{}: the weight of shape {} holds {} elements", what,
                                                       weight.shape.to_string(), weight.data.size()));
}

void require_f32_weights(const Tensor& weight, std::string_view what) {
  if (weight.data.empty())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: the weight of shape {} has no values", what, weight.shape.to_string()));
}

void require_matrix_weights(const Tensor& weight, const StepSpec& spec, std::string_view what) {
  if (!spec.weights) return require_f32_weights(weight, what);
  if (spec.weights->rows != weight.shape[0] || spec.weights->cols != weight.shape[1])
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: the codes do not have the shape of the weights", what));
}

std::vector<Shape> input_shapes(const StepSpec& spec) {
  std::vector<Shape> shapes;
  shapes.reserve(spec.inputs.size());
  for (const ValueType* input : spec.inputs) shapes.push_back(input->shape);
  return shapes;
}

}  // namespace lowbit::ops
