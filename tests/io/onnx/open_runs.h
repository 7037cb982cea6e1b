// SPDX-License-Identifier: Apache-2.0
// Small ONNX files with open dimensions, imported and run.
#pragma once

#include <gtest/gtest.h>

#include <cstring>

#include "io/onnx/open_networks.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/model.h"
#include "support/random.h"

namespace lowbit::testing {

using arrays::Array;
using Arrays = std::vector<Array>;

inline Model load_open(const OpenNetwork& network) {
  const std::string bytes = network.file.bytes();
  return load_onnx(std::as_bytes(std::span(bytes)), "net.onnx", {}, {.open = network.open});
}

/// Shapes of all inputs at these sizes, as in the file.
inline std::vector<std::pair<std::string, Shape>> shapes_at(const OpenNetwork& network, const Sizes& sizes) {
  std::vector<std::pair<std::string, Shape>> shapes;
  for (const OpenNetwork::Input& input : network.inputs)
    shapes.emplace_back(input.name, input.at(network.open, sizes));
  return shapes;
}

inline Model load_fixed(const OpenNetwork& network, const Sizes& sizes) {
  const std::string bytes = network.file.bytes();
  OnnxOptions options;
  for (auto [name, shape] : shapes_at(network, sizes)) {
    // In batches, shapes are those of samples.
    if (network.has_batch) shape = Shape(shape.dims().subspan(1));
    options.shapes.emplace_back(name, shape);
  }
  return load_onnx(std::as_bytes(std::span(bytes)), "net.onnx", {}, options);
}

inline Arrays random_inputs(const OpenNetwork& network, const Sizes& sizes, std::uint64_t seed = 1) {
  Random random(seed);
  Arrays arrays;
  const auto shapes = shapes_at(network, sizes);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    Array& a = arrays.emplace_back(arrays::ArrayType{network.inputs[i].element, shapes[i].second});
    for (float& v : a.floats) v = 2 * random.uniform() - 1;
    for (std::int64_t& v : a.integers) v = static_cast<std::int64_t>(random.uniform() * 9);
  }
  return arrays;
}

inline std::vector<arrays::ArrayView> views(const Arrays& arrays) {
  std::vector<arrays::ArrayView> all;
  for (const Array& a : arrays) all.push_back(a.view());
  return all;
}

inline std::vector<Shape> shapes_of(const Arrays& arrays) {
  std::vector<Shape> all;
  for (const Array& a : arrays) all.push_back(a.type.shape);
  return all;
}

/// Room for the outputs of a run on such inputs.
inline Arrays room_for(const Model& model, const Arrays& in, std::int64_t batch) {
  Arrays out;
  for (const Shape& shape : model.output_shapes(shapes_of(in))) {
    std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
    dims.insert(dims.begin(), batch);
    out.emplace_back(arrays::ArrayType{lowbit::ElementType::f32, Shape(dims)});
  }
  return out;
}

inline void run_into(const Model& model, const Arrays& in, Arrays& out, Workspace& workspace) {
  std::vector<arrays::MutableArrayView> views_out;
  for (Array& a : out) views_out.push_back(a.mutable_view());
  run(model, views(in), std::span<const arrays::MutableArrayView>(views_out), workspace);
}

inline Arrays arrays_of(const Model& model, const Arrays& in, Workspace& workspace, std::int64_t batch = 1) {
  Arrays out = room_for(model, in, batch);
  run_into(model, in, out, workspace);
  return out;
}

inline Arrays arrays_of(const Model& model, const Arrays& in, std::int64_t batch = 1) {
  Workspace workspace(model, {.batch = batch});
  return arrays_of(model, in, workspace, batch);
}

inline void expect_same(const Arrays& a, const Arrays& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].type.shape, b[i].type.shape) << what;
    EXPECT_EQ(std::memcmp(a[i].floats.data(), b[i].floats.data(), a[i].floats.size() * sizeof(float)), 0)
        << what << ", output " << i;
  }
}

inline std::string text_of(const Sizes& sizes) {
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

}  // namespace lowbit::testing
