// SPDX-License-Identifier: Apache-2.0
// LSTM and GRU of the usual forms as operators of lowbit: a Linear for the input of all steps, and what goes
// from step to step, for each direction.
#pragma once

#include <optional>
#include <vector>

#include "io/onnx/node_context.h"
#include "lowbit/layers/array_op.h"

namespace lowbit::onnx_import {

/// `op` is the node as an Array of these inputs, known to be what the standard asks for. The values of its
/// outputs, nothing for one that is left out (`used` says which are not); nothing at all where the node has
/// another form: clipping, peepholes, other activations, lengths, a batch that comes first, or weights that
/// are not constant.
std::optional<std::vector<std::optional<ValueId>>> lower_recurrent(NodeContext& node, const ops::ArrayOp& op,
                                                                   const std::vector<ValueId>& inputs,
                                                                   const std::vector<bool>& used);

}  // namespace lowbit::onnx_import
