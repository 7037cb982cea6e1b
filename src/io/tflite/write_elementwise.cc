// SPDX-License-Identifier: Apache-2.0
// Products of rows, functions of elements, reductions, and the borders between floats and codes.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "io/tflite/write_ops.h"

namespace lowbit::tflite {
namespace {

void write_binary(Translator& t, const char* type, schema::Activation activation) {
  if (t.input_count() != 2) t.reject(fmt::format("has {} inputs", t.input_count()));
  if (t.is_constant(0) && t.is_constant(1)) t.refuse("computes constants");
  const Order order = t.common_order();
  const std::string a = t.read(0, order), b = t.read(1, order);
  t.give(0, order, t.activated(t.emit(type, {a, b}), activation));
}

template <class Options>
schema::Activation activation_of(const Translator& t) {
  const Options* o = t.optional_options<Options>();
  return o ? o->activation() : schema::Activation::NONE;
}

}  // namespace

/// Weights are O I; all dimensions of the input but as many elements as I are rows.
void write_fully_connected(Translator& t) {
  const auto& o = t.options<schema::FullyConnectedOptions>();
  if (o.weights_format() != 0) t.refuse("has shuffled weights");
  const Tensor &x = t.input(0), &w = t.input(1);
  if (w.rank() != 2 || w.dims[1] < 1 || x.rank() < 1)
    t.reject(fmt::format("has weights '{}' of {} dimensions", w.name, w.rank()));
  std::string rows = t.read(0, Order::file);
  const Tensor& y = t.output();
  if (x.rank() == 3 && y.rank() == 3 && x.dims[2] == w.dims[1]) {
    std::string result = t.emit("MatMul", {rows, t.read_permuted(1, {1, 0})});
    if (t.has_input(2)) result = t.emit("Add", {result, t.read_bias(2, 1)});
    return t.give(0, Order::file, t.activated(result, o.activation()));
  }
  if (x.rank() != 2 || x.dims[1] != w.dims[1]) {
    const std::int64_t count = x.elements() / w.dims[1];
    rows = t.emit("Reshape", {rows, t.integers_of({count == x.dims[0] ? 0 : count, w.dims[1]})});
  }
  std::vector<std::string> inputs{rows, t.read_permuted(1, {0, 1})};
  if (t.has_input(2)) inputs.push_back(t.read_bias(2, 1));
  std::string result = t.activated(t.emit("Gemm", inputs, {{"transB", std::int64_t{1}}}), o.activation());
  if (y.rank() != 2) {
    Integers dims = y.dims;
    if (!dims.empty() && dims[0] == x.dims[0]) dims[0] = 0;
    result = t.emit("Reshape", {result, t.integers_of(dims)});
  }
  t.give(0, Order::file, result);
}

void write_add(Translator& t) {
  write_binary(t, "Add", activation_of<schema::AddOptions>(t));
}
void write_sub(Translator& t) {
  write_binary(t, "Sub", activation_of<schema::SubOptions>(t));
}
void write_mul(Translator& t) {
  write_binary(t, "Mul", activation_of<schema::MulOptions>(t));
}
void write_div(Translator& t) {
  write_binary(t, "Div", activation_of<schema::DivOptions>(t));
}
void write_maximum(Translator& t) {
  write_binary(t, "Max", schema::Activation::NONE);
}
void write_minimum(Translator& t) {
  write_binary(t, "Min", schema::Activation::NONE);
}

void write_function(Translator& t) {
  const Order order = order_of(t, 0);
  const std::string x = t.read(0, order), &name = t.op().name;
  const auto result = [&]() -> std::string {
    if (name == "LOGISTIC") return t.emit("Sigmoid", {x});
    if (name == "RELU") return t.activated(x, schema::Activation::RELU);
    if (name == "RELU6") return t.activated(x, schema::Activation::RELU6);
    if (name == "RELU_N1_TO_1") return t.activated(x, schema::Activation::RELU_N1_TO_1);
    if (name == "TANH") return t.emit("Tanh", {x});
    if (name == "EXP") return t.emit("Exp", {x});
    if (name == "LOG") return t.emit("Log", {x});
    if (name == "NEG") return t.emit("Neg", {x});
    if (name == "ABS") return t.emit("Abs", {x});
    if (name == "ELU") return t.emit("Elu", {x});
    if (name == "SQRT") return t.emit("Sqrt", {x});
    if (name == "RSQRT") return t.emit("Reciprocal", {t.emit("Sqrt", {x})});
    if (name == "SQUARE") return t.emit("Mul", {x, x});
    if (name == "HARD_SWISH") return t.emit("HardSwish", {x});
    t.refuse("is no function of one number");
  };
  t.give(0, order, result());
}

void write_leaky_relu(Translator& t) {
  const Order order = order_of(t, 0);
  const float alpha = t.options<schema::LeakyReluOptions>().alpha();
  t.give(0, order, t.emit("LeakyRelu", {t.read(0, order)}, {{"alpha", alpha}}));
}

/// Slopes are 1 x 1 x C, or of every element.
void write_prelu(Translator& t) {
  const Order order = order_of(t, 0);
  const std::string x = t.read(0, order);
  t.give(0, order, t.emit("PRelu", {x, t.read(1, order)}));
}

void write_softmax(Translator& t) {
  const Order order = order_of(t, 0);
  const std::int64_t rank = t.input(0).rank();
  if (rank < 1) t.reject("reads a single number");
  std::string x = t.read(0, order);
  const float beta = t.options<schema::SoftmaxOptions>().beta();
  if (beta != 1.0f) x = t.emit("Mul", {x, t.number(beta)});
  t.give(0, order, t.emit("Softmax", {x}, {{"axis", axis_in(order, rank - 1)}}));
}

void write_mean(Translator& t) {
  const auto* o = t.optional_options<schema::ReducerOptions>();
  const bool keeps = o && o->keep_dims();
  const std::int64_t rank = t.input(0).rank();
  std::set<std::int64_t> axes;
  for (const std::int64_t axis : t.integers(1)) axes.insert(axis_from_front(t, axis, rank));
  const bool of_images = rank == 4 && axes == std::set<std::int64_t>{1, 2};
  const Order order = of_images ? Order::image : keeps ? order_of(t, 0) : Order::file;
  const std::string x = t.read(0, order);
  if (of_images) {
    const std::string mean = t.emit("GlobalAveragePool", {x});
    if (keeps) return t.give(0, order, mean);
    return t.give(0, Order::file, t.emit("Flatten", {mean}));
  }
  Integers there;
  for (const std::int64_t axis : axes) there.push_back(axis_in(order, axis));
  t.give(0, order, t.emit("ReduceMean", {x}, {{"axes", there}, {"keepdims", std::int64_t{keeps}}}));
}

/// Codes of an input, or of other codes.
void write_quantize(Translator& t) {
  const Order order = order_of(t, 0);
  if (t.is_constant(0)) t.refuse("computes constants");
  t.give(0, order, t.read(0, order));
}

void write_dequantize(Translator& t) {
  if (t.is_constant(0)) return t.give_constant(0, t.input_number(0));
  const Order order = order_of(t, 0);
  t.give(0, order, t.read(0, order));
}

}  // namespace lowbit::tflite
