// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include "io/tflite/write_ops.h"

namespace lowbit::tflite {
namespace {

constexpr std::array<std::pair<std::int64_t, Writer>, 45> kWriters{{
    {0, write_add},
    {1, write_average_pool},
    {2, write_concatenation},
    {3, write_conv},
    {4, write_depthwise},
    {6, write_dequantize},
    {9, write_fully_connected},
    {14, write_function},  // LOGISTIC
    {17, write_max_pool},
    {18, write_mul},
    {19, write_function},  // RELU
    {20, write_function},  // RELU_N1_TO_1
    {21, write_function},  // RELU6
    {22, write_reshape},
    {23, write_resize_bilinear},
    {25, write_softmax},
    {28, write_function},  // TANH
    {34, write_pad},
    {39, write_transpose},
    {40, write_mean},
    {41, write_sub},
    {42, write_div},
    {43, write_reshape},  // SQUEEZE
    {45, write_strided_slice},
    {47, write_function},  // EXP
    {49, write_split},
    {54, write_prelu},
    {55, write_maximum},
    {57, write_minimum},
    {59, write_function},  // NEG
    {60, write_pad},
    {65, write_slice},
    {67, write_transpose_conv},
    {70, write_reshape},   // EXPAND_DIMS
    {73, write_function},  // LOG
    {75, write_function},  // SQRT
    {76, write_function},  // RSQRT
    {92, write_function},  // SQUARE
    {97, write_resize_nearest},
    {98, write_leaky_relu},
    {101, write_function},  // ABS
    {102, write_split_v},
    {111, write_function},  // ELU
    {114, write_quantize},
    {117, write_function},  // HARD_SWISH
}};

}  // namespace

Writer find_writer(std::int64_t code) {
  const auto at = std::ranges::find_if(kWriters, [&](const auto& known) { return known.first == code; });
  return at == kWriters.end() ? nullptr : at->second;
}

std::int64_t axis_from_front(const Translator& t, std::int64_t axis, std::int64_t rank) {
  if (axis < -rank || axis >= rank) t.reject("has the axis " + std::to_string(axis));
  return axis < 0 ? axis + rank : axis;
}

std::int64_t axis_in(Order order, std::int64_t axis) {
  constexpr std::array<std::int64_t, 4> kPlaces{0, 2, 3, 1};
  return order == Order::file ? axis : kPlaces[static_cast<std::size_t>(axis)];
}

}  // namespace lowbit::tflite
