// SPDX-License-Identifier: Apache-2.0
// Models with operators of arrays: values of integers, layouts, files, and tensors that have no batch.
#include <gtest/gtest.h>

#include <numeric>

#include "arrays/registry.h"
#include "lowbit/core/tensor.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "support/error_of.h"

namespace lowbit::testing {
namespace {

using arrays::Array;

ops::ArrayOp array_op(const char* function, std::vector<ElementType> elements, ElementType result) {
  ops::ArrayOp op;
  op.function = function;
  op.opset = 18;
  op.sources.assign(elements.size(), ops::ArrayOp::kValue);
  op.elements = std::move(elements);
  op.result = result;
  return op;
}

/// y = running sums along axis 0 of x, floats or integers.
Graph running_sums(const Shape& shape, ElementType element) {
  Graph graph;
  graph.has_batch = false;
  graph.inputs = {graph.add_value("x", shape)};
  graph.values[0].element = element;
  ops::ArrayOp op = array_op("CumSum", {element}, element);
  op.sources.push_back(0);
  op.constants.emplace_back(arrays::ArrayType{ElementType::i64, Shape{}});
  graph.outputs = {graph.add_node("y", std::move(op), {0})};
  return graph;
}

Tensor counting(const Shape& shape) {
  Tensor t(shape);
  std::iota(t.data.begin(), t.data.end(), 1.0f);
  return t;
}

TEST(ArrayModel, ThreeDimensionsAreSeenRowMajor) {
  const Model model(running_sums({2, 3, 4}, ElementType::f32));
  const Tensor x = counting({2, 2, 3, 4});
  Tensor y(x.shape);
  Workspace workspace(model, {.batch = 2});
  run(model, x, y, workspace);
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t i = 0; i < 12; ++i) {
      const float first = x.data[b * 24 + i], second = x.data[b * 24 + 12 + i];
      EXPECT_EQ(y.data[b * 24 + i], first);
      EXPECT_EQ(y.data[b * 24 + 12 + i], first + second);
    }
}

TEST(ArrayModel, ConstantsAreStored) {
  EXPECT_EQ(Model(running_sums({2, 3, 4}, ElementType::f32)).stored_bytes(), sizeof(std::int64_t));
}

TEST(ArrayModel, ATensorOfTheShapeOfASampleIsOneSample) {
  const Model model(running_sums({1, 3, 4}, ElementType::f32));
  const Tensor one = counting({1, 3, 4}), three = counting({3, 3, 4});
  Tensor y(one.shape), all(three.shape);
  Workspace workspace(model, {.batch = 3});
  run(model, one, y, workspace);
  EXPECT_EQ(y.data, one.data);
  run(model, three, all, workspace);  // the batch in the place of the dimension of 1
  EXPECT_EQ(all.data, three.data);
}

TEST(ArrayModel, IntegersAreExactAndFloatsStandInForThem) {
  const Model model(running_sums({2, 3}, ElementType::i64));
  Array x({ElementType::i64, Shape{2, 3}}), y({ElementType::i64, Shape{2, 3}});
  x.integers = {1, -2, std::int64_t{1} << 60, 3, 4, 1};
  Workspace workspace(model);
  const arrays::ArrayView in = x.view();
  const arrays::MutableArrayView out = y.mutable_view();
  run(model, std::span(&in, 1), std::span(&out, 1), workspace);
  EXPECT_EQ(y.integers,
            (std::vector<std::int64_t>{1, -2, std::int64_t{1} << 60, 4, 2, (std::int64_t{1} << 60) + 1}));
  const Tensor floats(Shape{2, 3}, {1.4f, -2.0f, 3.0f, 10.6f, 0.0f, 0.0f});
  Tensor sums(floats.shape);
  run(model, floats, sums, workspace);
  EXPECT_EQ(sums.data, (std::vector<float>{1, -2, 3, 12, -2, 3}));
  Array wrong({ElementType::f32, Shape{2, 3}});
  const arrays::ArrayView bad = wrong.view();
  EXPECT_NE(
      error_of([&] { run(model, std::span(&bad, 1), std::span(&out, 1), workspace); }, ErrorCode::unsupported)
          .find("'x' takes integers"),
      std::string::npos);
}

TEST(ArrayModel, GoesThroughAFile) {
  for (const ElementType element : {ElementType::f32, ElementType::i64}) {
    const Model model(running_sums({2, 3, 4}, element)), again = load(save_to_bytes(model), "again");
    EXPECT_FALSE(again.graph().has_batch);
    EXPECT_EQ(again.type(0).dtype, element == ElementType::f32 ? DType::f32 : DType::i64);
    const Tensor x = counting({2, 3, 4});
    Tensor a(x.shape), b(x.shape);
    Workspace of_model(model), of_again(again);
    run(model, x, a, of_model), run(again, x, b, of_again);
    EXPECT_EQ(a.data, b.data);
  }
}

TEST(ArrayModel, StaysAsItIsWhenTheRestIsQuantized) {
  Graph graph = running_sums({4, 8}, ElementType::f32);
  ops::LinearOp linear;
  linear.weight = counting({8, 8});
  graph.outputs = {graph.add_node("z", std::move(linear), {graph.outputs[0]})};
  const Model model(std::move(graph));
  const CalibrationTable table = calibrate(model, std::vector<Tensor>{counting({4, 8})});
  const Model int8 = quantize(model, table);
  EXPECT_EQ(fallback_count(int8), 1);
  EXPECT_NE(describe_coverage(int8).find("CumSum has no 8-bit form"), std::string::npos);
}

TEST(ArrayModel, WhatDoesNotGoTogetherIsRefused) {
  Graph unknown = running_sums({2, 3}, ElementType::f32);
  auto& op = std::get<ops::ArrayOp>(unknown.nodes[0].op);
  op.function = "NoSuchThing";
  EXPECT_NE(error_of([&] { Model m(unknown); }, ErrorCode::unsupported).find("'NoSuchThing'"),
            std::string::npos);
  op.function = "CumSum", op.sources[1] = 7;
  error_of([&] { Model m(unknown); }, ErrorCode::invalid_argument);
  Graph relu = running_sums({2, 3}, ElementType::i64);
  relu.add_node("relu", ops::ClampOp{}, {relu.outputs[0]});
  EXPECT_NE(error_of([&] { Model m(relu); }, ErrorCode::unsupported).find("integers"), std::string::npos);
}

}  // namespace
}  // namespace lowbit::testing
