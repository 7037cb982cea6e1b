// SPDX-License-Identifier: Apache-2.0
// Runs a small network of floats as a program would: loaded, in batches or whole, on arrays of all of ONNX's
// dimensions.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/onnx/onnx_builder.h"
#include "lowbit/core/array.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/model.h"

namespace lowbit::testing {

inline arrays::Array float_array(const Shape& shape, std::vector<float> values) {
  arrays::Array a(arrays::ArrayType{lowbit::ElementType::f32, shape});
  a.floats = std::move(values);
  return a;
}

inline std::vector<arrays::Array> run_network(const OnnxBuilder& file,
                                              const std::vector<arrays::Array>& inputs) {
  const std::string bytes = file.bytes();
  const Model model = load_onnx(std::as_bytes(std::span(bytes)), "net.onnx");
  const std::int64_t batch = model.graph().has_batch ? inputs.at(0).type.shape[0] : 1;
  std::vector<arrays::ArrayView> in;
  for (const arrays::Array& array : inputs) in.push_back(array.view());
  std::vector<arrays::Array> results;
  std::vector<arrays::MutableArrayView> out;
  for (std::size_t i = 0; i < model.output_count(); ++i) {
    std::vector<std::int64_t> dims(model.output_shape(i).dims().begin(), model.output_shape(i).dims().end());
    if (model.graph().has_batch) dims.insert(dims.begin(), batch);
    results.emplace_back(arrays::ArrayType{lowbit::ElementType::f32, Shape(dims)});
  }
  for (arrays::Array& array : results) out.push_back(array.mutable_view());
  Workspace workspace(model, {.batch = batch});
  run(model, in, out, workspace);
  return results;
}

}  // namespace lowbit::testing
