// SPDX-License-Identifier: Apache-2.0
// Attention of the usual forms as lowbit's own: past keys and values joined with the new ones, what is not to
// be seen added as a mask.
#pragma once

#include <optional>
#include <vector>

#include "io/onnx/node_context.h"
#include "lowbit/layers/array_op.h"

namespace lowbit::onnx_import {

/// `op` is the node as an Array of these inputs, known to be what the standard asks for. The values of its
/// outputs, nothing for one that is left out (`used` says which are not); nothing at all where the node has
/// another form: capped scores, scores as an output, lengths, a mask of fewer keys, floats of 16 bits.
std::optional<std::vector<std::optional<ValueId>>> lower_attention(NodeContext& node, const ops::ArrayOp& op,
                                                                   const std::vector<ValueId>& inputs,
                                                                   const std::vector<bool>& used);

}  // namespace lowbit::onnx_import
