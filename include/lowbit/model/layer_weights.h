// SPDX-License-Identifier: Apache-2.0
// LayerWeights: what the weights of a layer become when a model is quantized, and the policy that says so
// layer by layer. Left empty it is the quantizer of the layer's scheme; a policy may name another one (a
// user's own, too), weigh the errors, or hand over codes that it has already.
//
//   quantize(model, table, {.scheme = "int4", .weights = [](const LayerContext& layer) -> LayerWeights {
//     if (layer.name == "conv1") return {.quantizer = Nf4{.granularity = per_group(32)}};
//     return {};                                                        // int4
//   }});
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lowbit/core/scheme.h"
#include "lowbit/core/tensor.h"
#include "lowbit/core/view.h"
#include "lowbit/layers/ops.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/quantizer.h"

namespace lowbit {

/// A layer whose weights are about to be quantized. Lives for the call of the policy.
struct LayerContext {
  int node = 0;             ///< index into graph().nodes of the fp32 model
  const std::string& name;  ///< of the node
  const ops::Op& op;        ///< Conv2d or Linear
  const Scheme& scheme;     ///< of the layer: what is not said otherwise, and how its activations run
  MatrixView weights;       ///< out x (tap, channel), as weight_matrix() says
};

struct LayerWeights {
  /// In place of the scheme's. What its groups become must run with the scheme's activations: a table of more
  /// than 16 levels, for one, with floats only ("-wo").
  std::optional<AnyQuantizer> quantizer{};
  /// How much the error of each weight counts: [out][columns] like the weights, or one for each column.
  /// Empty: all alike. quantize(matrix) says which quantizers look at it.
  std::vector<float> importance{};
  /// Codes in the shape of the weights, kept as they are; nothing is fitted then. matrix_from_codes() makes
  /// them, quantize(matrix) does.
  std::optional<QuantizedMatrix> codes{};
  /// Biases in place of the layer's own, one for each output channel; empty: they stay.
  std::vector<float> bias{};
  /// What reports call these weights; empty: "own quantizer" or "given codes".
  std::string label{};
};

/// Called once for each Conv2d and Linear that is to be quantized (whose scheme is not fp32), in order of the
/// graph, on the caller's thread.
using WeightsPolicy = std::function<LayerWeights(const LayerContext&)>;

/// The weights of a Conv2d or Linear as a matrix: rows are output channels, columns are in the order in which
/// kernels read them, (kernel row, kernel column, channel). In a convolution of g groups the rows of group i
/// of g are [i * out / g, (i + 1) * out / g), and the columns channels [i * in / g, (i + 1) * in / g).
/// Throws Error(invalid_argument) for an operator without weights.
Tensor weight_matrix(const ops::Op& op);

}  // namespace lowbit
