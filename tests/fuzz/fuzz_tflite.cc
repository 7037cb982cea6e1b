// SPDX-License-Identifier: Apache-2.0
// TensorFlow Lite files: whatever is imported must run.
#include "fuzz.h"
#include "io/tflite/tflite_builder.h"
#include "lowbit/io/tflite/load.h"
#include "run_briefly.h"

namespace lowbit::fuzz {
namespace {

namespace schema = tflite_schema;
using schema::Padding;
using schema::TensorType;

/// A convolution in codes, one by channels, a residual sum, a mean and a layer.
Bytes coded() {
  testing::TfliteBuilder b;
  const auto tensor = [&](const char* name, const std::vector<int>& dims) {
    return b.tensor(name, dims, TensorType::INT8, {{0.05f}, {3}});
  };
  const auto weights = [&](const char* name, const std::vector<int>& dims, std::size_t count,
                           const testing::TfliteScales& q) {
    return b.constant(name, dims, TensorType::INT8, std::vector<std::int8_t>(count, 37), q);
  };
  const int x = tensor("x", {1, 6, 6, 2}), h = tensor("h", {1, 6, 6, 4}), d = tensor("d", {1, 6, 6, 4}),
            s = tensor("s", {1, 6, 6, 4}), m = tensor("m", {1, 4}), y = tensor("y", {1, 3}),
            out = b.tensor("out", {1, 3});
  b.op(3,
       {x, weights("w", {4, 3, 3, 2}, 72, {{0.1f, 0.2f, 0.3f, 0.4f}, {0, 0, 0, 0}}),
        b.constant<std::int32_t>("b", {4}, TensorType::INT32, {1, 2, 3, 4})},
       {h}, schema::CreateConv2DOptions(b.builder(), Padding::SAME, 1, 1, schema::Activation::RELU));
  b.op(4, {h, weights("v", {1, 3, 3, 4}, 36, {{0.1f, 0.2f, 0.3f, 0.4f}, {0, 0, 0, 0}, 3})}, {d},
       schema::CreateDepthwiseConv2DOptions(b.builder(), Padding::SAME, 1, 1, 1));
  b.op(0, {d, h}, {s}, schema::CreateAddOptions(b.builder()));
  b.op(40, {s, b.integers("axes", {1, 2})}, {m}, schema::CreateReducerOptions(b.builder(), false));
  b.op(9, {m, weights("f", {3, 4}, 12, {{0.1f}, {5}})}, {y},
       schema::CreateFullyConnectedOptions(b.builder()));
  b.op(6, {y}, {out});
  return b.bytes({x}, {out});
}

/// Movement, pools and resizing of floats.
Bytes moved() {
  testing::TfliteBuilder b;
  const int x = b.tensor("x", {1, 4, 6, 2}), a = b.tensor("a", {1, 4, 6, 1}), c = b.tensor("c", {1, 4, 6, 1}),
            k = b.tensor("k", {1, 4, 6, 2}), p = b.tensor("p", {1, 6, 6, 2}), l = b.tensor("l", {1, 3, 3, 2}),
            r = b.tensor("r", {1, 6, 6, 2}), t = b.tensor("t", {1, 6, 2, 6}), e = b.tensor("e", {1, 3, 2, 6}),
            u = b.tensor("u", {1, 36}), y = b.tensor("y", {1, 36});
  b.op(49, {b.constant<std::int32_t>("axis", {}, TensorType::INT32, {3}), x}, {a, c},
       schema::CreateSplitOptions(b.builder(), 2));
  b.op(2, {c, a}, {k}, schema::CreateConcatenationOptions(b.builder(), 3));
  b.op(34, {k, b.constant<std::int32_t>("pads", {4, 2}, TensorType::INT32, {0, 0, 1, 1, 0, 0, 0, 0})}, {p});
  b.op(17, {p}, {l}, schema::CreatePool2DOptions(b.builder(), Padding::VALID, 2, 2, 2, 2));
  b.op(97, {l, b.integers("size", {6, 6})}, {r});
  b.op(39, {r, b.integers("perm", {0, 1, 3, 2})}, {t});
  b.op(45,
       {t, b.integers("begin", {0, 0, 0, 0}), b.integers("end", {0, 0, 0, 0}),
        b.integers("stride", {1, 2, 1, 1})},
       {e}, schema::CreateStridedSliceOptions(b.builder(), 15, 15));
  b.op(22, {e, b.integers("shape", {1, 36})}, {u});
  b.op(25, {u}, {y}, schema::CreateSoftmaxOptions(b.builder(), 1.0f));
  return b.bytes({x}, {y});
}

}  // namespace

void try_input(std::span<const std::byte> input) {
  run_briefly(load_tflite(input));
}

std::vector<Bytes> seeds() {
  return {coded(), moved()};
}

}  // namespace lowbit::fuzz
