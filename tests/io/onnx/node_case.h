// SPDX-License-Identifier: Apache-2.0
// Reads the node tests that ONNX ships for its operators: a folder with model.onnx, a graph of one or a few
// nodes, and test_data_set_0/input_N.pb and output_N.pb, tensors of any element type.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lowbit/core/qparams.h"
#include "lowbit/core/shape.h"

namespace lowbit::testing {

/// ONNX's own numbers. Headers of an older ONNX lack the later ones.
enum class ElementType {
  f32 = 1,
  u8 = 2,
  s8 = 3,
  u16 = 4,
  s16 = 5,
  s32 = 6,
  f16 = 10,
  fp8_e4m3fn = 17,
  fp8_e5m2 = 19,
  u4 = 21,
  s4 = 22,
  fp4_e2m1 = 23,
  u2 = 25,
  s2 = 26,
};

enum class ElementKind { real, integer, minifloat };

struct ElementInfo {
  ElementKind kind;
  int bits;
  bool is_signed = false;
};
/// Throws std::runtime_error for a number that is none of the above.
ElementInfo element_info(ElementType type);
/// Every value of an integer type of at most 16 bits.
IntRange code_range(ElementType type);

/// A tensor as its file holds it: little-endian, elements of 4 and 2 bits packed, low bits first.
struct NodeTensor {
  ElementType type = ElementType::f32;
  Shape shape;
  std::vector<std::uint8_t> bytes;

  static NodeTensor of_codes(ElementType type, const Shape& shape, const std::vector<std::int32_t>& codes);
  /// f32 or f16; rounds to nearest even.
  static NodeTensor of_reals(ElementType type, const Shape& shape, const std::vector<float>& values);
  /// Integers, or minifloats by their bits.
  std::vector<std::int32_t> codes() const;
  std::vector<float> reals() const;

  friend bool operator==(const NodeTensor&, const NodeTensor&) = default;
};

/// Integers, the elements of a list, or a tensor.
struct NodeAttribute {
  std::vector<std::int64_t> integers;
  NodeTensor tensor;
};

struct CaseNode {
  std::string op;
  std::vector<std::string> inputs, outputs;  ///< names; an input that is left out is ""
  std::map<std::string, NodeAttribute> attributes;

  std::int64_t integer(const std::string& name, std::int64_t otherwise) const;
  std::vector<std::int64_t> integers(const std::string& name, std::vector<std::int64_t> otherwise) const;
};

struct NodeCase {
  std::vector<CaseNode> nodes;                 ///< in an order in which they can run
  std::map<std::string, NodeTensor> values;    ///< inputs by name
  std::map<std::string, NodeTensor> expected;  ///< outputs by name
};

/// Throws std::runtime_error for a file that is missing or holds what this reader does not know.
NodeCase read_node_case(const std::filesystem::path& folder);

}  // namespace lowbit::testing
