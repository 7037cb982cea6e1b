// SPDX-License-Identifier: Apache-2.0
// What each operator of TensorFlow Lite becomes. write_operator.cc has the list.
#pragma once

#include "io/tflite/translator.h"

namespace lowbit::tflite {

using Writer = void (*)(Translator&);

/// Null where lowbit has no such operator.
Writer find_writer(std::int64_t code);

// Windows on images.
void write_conv(Translator& t);
void write_depthwise(Translator& t);
void write_transpose_conv(Translator& t);
void write_average_pool(Translator& t);
void write_max_pool(Translator& t);
void write_resize_bilinear(Translator& t);
void write_resize_nearest(Translator& t);

// Products of rows, and what works on single elements or along an axis.
void write_fully_connected(Translator& t);
void write_add(Translator& t);
void write_sub(Translator& t);
void write_mul(Translator& t);
void write_div(Translator& t);
void write_maximum(Translator& t);
void write_minimum(Translator& t);
void write_function(Translator& t);
void write_leaky_relu(Translator& t);
void write_prelu(Translator& t);
void write_softmax(Translator& t);
void write_mean(Translator& t);
void write_quantize(Translator& t);
void write_dequantize(Translator& t);

// Movement.
void write_reshape(Translator& t);
void write_transpose(Translator& t);
void write_pad(Translator& t);
void write_concatenation(Translator& t);
void write_strided_slice(Translator& t);
void write_slice(Translator& t);
void write_split(Translator& t);
void write_split_v(Translator& t);

/// From the front, in 0 .. rank - 1.
std::int64_t axis_from_front(const Translator& t, std::int64_t axis, std::int64_t rank);
/// Where an axis of N H W C is in that order.
std::int64_t axis_in(Order order, std::int64_t axis);
/// The order in which input i lies, so that nothing has to be exchanged.
inline Order order_of(const Translator& t, std::size_t i) {
  return t.is_image(i) ? Order::image : Order::file;
}

}  // namespace lowbit::tflite
