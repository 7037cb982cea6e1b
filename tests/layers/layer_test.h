// SPDX-License-Identifier: Apache-2.0
// What the tests of the operators share: random values, a step made from value types, and the element of a
// logical C x H x W tensor.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/layers/ops.h"
#include "support/random.h"
#include "support/run_step.h"

namespace lowbit::testing {

inline Values random_values(const ValueType& type, std::int64_t batch, std::uint64_t seed) {
  Values v(type, batch);
  Random random(seed);
  for (float& x : v.data)
    x = type.dtype == DType::u8 ? static_cast<float>(random.integer(0, 255)) : random.uniform();
  return v;
}

inline float dequantized(const Values& v, std::size_t i) {
  return (v.data[i] - static_cast<float>(v.type.qparams.zero_point)) * v.type.qparams.scale;
}

template <class Op>
std::unique_ptr<ops::Step> step_of(const Op& op, const std::vector<Values>& inputs, const ValueType& output) {
  ops::StepSpec spec;
  for (const Values& v : inputs) spec.inputs.push_back(&v.type);
  spec.output = &output;
  spec.isa = active_isa();
  return ops::make_step(op, spec);
}

template <class Op>
Values run_op(const Op& op, const std::vector<Values>& inputs, const ValueType& output, int threads = 1) {
  return run_step(*step_of(op, inputs, output), inputs, output, threads);
}

template <class Op>
Shape shape_of(const Op& op, const std::vector<Values>& inputs) {
  std::vector<Shape> shapes;
  for (const Values& v : inputs) shapes.push_back(v.type.shape);
  return ops::infer_shape(op, shapes);
}

/// Element (c, y, x) of sample b.
inline float at(const Values& v, std::int64_t b, std::int64_t c, std::int64_t y, std::int64_t x) {
  const Shape& s = v.type.shape;
  return v.data[static_cast<std::size_t>(((b * s[0] + c) * s[1] + y) * s[2] + x)];
}

/// Code of a real value: the definition, in double, apart from the rounding of the scale.
inline float code_of(double real, const QParams& q) {
  double x = std::nearbyint(real / q.scale) + q.zero_point;
  if (x < 0) x = 0;
  if (x > 255) x = 255;
  return static_cast<float>(x);
}

inline void expect_error(ErrorCode code, const std::function<void()>& f) {
  try {
    f();
    FAIL() << "no Error was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
  }
}

}  // namespace lowbit::testing
