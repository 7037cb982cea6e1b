// SPDX-License-Identifier: Apache-2.0
// The graph of a quantized model as a tape runs it: in floats, with a node wherever values become codes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lowbit/model/model.h"
#include "train/tape_node.h"

namespace lowbit::train {

/// Where an activation becomes codes.
class FakeQuantize : public TapeNode {
 public:
  virtual QParams qparams() const = 0;
};
std::unique_ptr<FakeQuantize> make_fake_quantize(const ValueType& codes, const NodeSpec& spec);

/// How a product takes the signs of its input.
struct SignInput {
  int layer = -1;                            ///< the node of the quantized model that multiplies them
  std::array<std::int64_t, 4> pad{};         ///< top, left, bottom, right, filled with +1
  bool is_dynamic = false, of_rows = false;  ///< the scale is that of each sample, or row of channels
  float scale = 1;                           ///< else, at the beginning
};
/// Where an activation becomes signs.
class SignActivation : public TapeNode {
 public:
  /// That the scales of the weights have in them. 1 where it is found at run time.
  virtual float scale() const = 0;
};
std::unique_ptr<SignActivation> make_sign_activation(const SignInput& how, const NodeSpec& spec);

/// Ends the name of a value that has yet to become codes, behind the name that both have in the model.
inline constexpr const char* kBeforeCodes = ":sum";

struct QuantizedGraph {
  Graph graph;                   ///< weights as floats; a Quantize node is a FakeQuantize or a SignActivation
  std::vector<ValueType> types;  ///< per value, f32 but for integers
  std::vector<int> nodes;        ///< per node: the node of the quantized model, -1: none
  std::vector<int> fp32_nodes;   ///< per node: that of the fp32 model, -1: none
  std::vector<ValueType> codes;  ///< per node: of Quantize, what its output is in codes
  std::vector<ValueId> codes_of;  ///< per node: of Quantize, the value of the quantized model, -1: of signs
  std::vector<SignInput> signs;   ///< per node: of a SignActivation
};

/// Of a Quantize node of the graph: a FakeQuantize or a SignActivation.
std::unique_ptr<TapeNode> make_rounding(const QuantizedGraph& graph, std::size_t n, const NodeSpec& spec);

/// Throws Error(invalid_argument) where `quantized` was not made of `fp32`, naming the layer,
/// Error(unsupported) where it finds ranges at run time.
QuantizedGraph quantized_graph(const Model& fp32, const Model& quantized);
/// The same with the weights that its codes stand for where they are multiplied.
QuantizedGraph quantized_graph(const Model& quantized);

}  // namespace lowbit::train
