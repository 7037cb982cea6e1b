// SPDX-License-Identifier: Apache-2.0
// compare_codes: whether a file that was written from a model has its codes and scales when it is read back.
// Arguments: MODEL FILE, each .lowbit or .onnx. Compared are the products, in the order of the graphs: codes
// and scales of their weights, and the scales and zero points of what they read and give. One line; exits
// with 1 where a bit differs.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/model.h"
#include "lowbit/model/serialize.h"

namespace {

using namespace lowbit;

Model load_any(const std::string& path) {
  return path.ends_with(".onnx") ? load_onnx(path) : load(path);
}

struct Product {
  QuantizedMatrix weights;
  ValueType input, output;
};

std::vector<Product> products_of(const Model& model) {
  std::vector<Product> all;
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i) {
    const Graph::Node& node = model.graph().nodes[static_cast<std::size_t>(i)];
    if (auto weights = model.weights(i))
      all.push_back({std::move(*weights), model.type(node.inputs[0]), model.type(node.output)});
  }
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(
      a, b, {}, [](float v) { return std::bit_cast<std::uint32_t>(v); },
      [](float v) { return std::bit_cast<std::uint32_t>(v); });
}

/// Codes themselves: a file may have them in a wider format.
bool same_codes(const QuantizedMatrix& a, const QuantizedMatrix& b) {
  if (a.rows != b.rows || a.cols != b.cols) return false;
  const std::int32_t shift = (a.format == WeightFormat::u4) == (b.format == WeightFormat::u4) ? 0
                             : a.format == WeightFormat::u4                                   ? 8
                                                                                              : -8;
  for (std::int64_t r = 0; r < a.rows; ++r)
    for (std::int64_t c = 0; c < a.cols; ++c)
      if (a.code(r, c) - shift != b.code(r, c)) return false;
  return true;
}

bool same_range(const ValueType& a, const ValueType& b) {
  return a.dtype == b.dtype && (a.dtype != DType::u8 || (same_bits({a.qparams.scale}, {b.qparams.scale}) &&
                                                         a.qparams.zero_point == b.qparams.zero_point));
}

bool compare(const Model& model, const Model& file) {
  const std::vector<Product> ours = products_of(model), theirs = products_of(file);
  if (ours.size() != theirs.size())
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{} products have codes, {} when read back", ours.size(), theirs.size()));
  std::size_t codes = 0, scales = 0, ranges = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const QuantizedMatrix &a = ours[i].weights, &b = theirs[i].weights;
    codes += same_codes(a, b);
    scales += same_bits(a.scales, b.scales);
    ranges += same_range(ours[i].input, theirs[i].input) && same_range(ours[i].output, theirs[i].output);
  }
  fmt::print("read back, of {} products: codes of {}, scales of {}, ranges of {}\n", ours.size(), codes,
             scales, ranges);
  return codes == ours.size() && scales == ours.size() && ranges == ours.size();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: compare_codes MODEL FILE\n");
    return 2;
  }
  try {
    return compare(load_any(argv[1]), load_any(argv[2])) ? 0 : 1;
  } catch (const std::exception& e) {
    fmt::print(stderr, "compare_codes: {}\n", e.what());
    return 2;
  }
}
