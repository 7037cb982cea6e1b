// SPDX-License-Identifier: Apache-2.0
#include "layers/against_interpreter.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit::testing {
namespace {

Tensor table(std::int64_t rows, std::int64_t width) {
  Tensor t(Shape{rows, width});
  Random random(4);
  for (float& v : t.data) v = random.uniform();
  return t;
}

/// Numbers from below the table to above it.
Values numbers(const Shape& shape, std::int64_t rows) {
  Values v({shape, DType::i64, {}}, 2);
  Random random(5);
  for (float& x : v.data) x = static_cast<float>(random.integer(-rows - 2, rows + 1));
  return v;
}

TEST(Embedding, RowsByNumber) {
  for (const Shape& shape :
       {Shape{1}, Shape{7}, Shape{1, 9}, Shape{3, 4}, Shape{2, 3, 2}, Shape{2, 1, 2, 2, 3}})
    for (const std::int64_t width : {1, 5, 32}) {
      const ops::EmbeddingOp op{table(6, width)};
      expect_floats(op, {numbers(shape, 6)}, 0);
    }
}

/// The same rows of the dequantized table.
TEST(Embedding, DecodesRowsOnTheWay) {
  for (const char* scheme : {"int8-wo", "int4-g32-wo", "int4-wo", "nf4-wo"})
    for (const Shape& shape : {Shape{7}, Shape{3, 4}}) {
      ops::EmbeddingOp op{table(6, 40)};
      const QuantizedMatrix codes = quantize({op.weight.data.data(), 6, 40}, make_quantizer(scheme));
      const std::vector<Values> in{numbers(shape, 6)};
      const ValueType out = f32_type(shape_of(op, in));
      ops::StepSpec spec;
      spec.inputs = {&in[0].type};
      spec.output = &out;
      spec.weights = &codes;
      const Values got = run_step(*ops::make_step(op, spec), in, out);
      dequantize(codes, {op.weight.data.data(), 6, 40});
      EXPECT_EQ(got.data, run_op(op, in, out).data) << scheme;
    }
}

TEST(Embedding, WhatDoesNotFitIsRefused) {
  const std::vector<Values> floats{random_values(f32_type({3}), 1, 1)};
  expect_error(ErrorCode::unsupported, [&] {
    run_op(ops::EmbeddingOp{table(6, 4)}, floats, f32_type({3, 4}));
  });
  expect_error(ErrorCode::shape_mismatch,
               [] { ops::infer_shape(ops::EmbeddingOp{Tensor(Shape{6})}, std::vector<Shape>{{3}}); });
  expect_error(ErrorCode::shape_mismatch, [] {
    ops::infer_shape(ops::EmbeddingOp{table(6, 4)}, std::vector<Shape>{{1, 1, 1, 1, 1, 1}});
  });
}

}  // namespace
}  // namespace lowbit::testing
