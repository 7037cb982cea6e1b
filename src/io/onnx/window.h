// SPDX-License-Identifier: Apache-2.0
// The window attributes that Conv and the pools share: kernel_shape, strides, dilations, pads, auto_pad.
#pragma once

#include "io/onnx/node_context.h"
#include "lowbit/layers/op_common.h"

namespace lowbit::onnx_import {

/// Whether input 0 is C x W. Then the window is one of an image C x 1 x W, which emit_windowed makes of it.
bool is_1d(const NodeContext& node);
/// The node's result is that of a 2-d operator, or of one on images of height 1.
void emit_windowed(NodeContext& node, ops::Op op);
/// Reads and checks the attributes of a node whose input 0 is C x H x W or C x W; `kernel` is {height,
/// width}, known already for Conv. SAME_UPPER and SAME_LOWER become the pads that they mean for this input.
ops::Window read_window(const NodeContext& node, std::array<std::int64_t, 2> kernel);
/// kernel_shape of a pool, which has to be there.
std::array<std::int64_t, 2> kernel_shape(const NodeContext& node);

}  // namespace lowbit::onnx_import
