// SPDX-License-Identifier: Apache-2.0
// Loop and Scan whose number of steps is known when a file is read: their bodies one after the other, each
// step with names of its own.
#pragma once

#include "io/onnx/importer.h"
#include "io/onnx/node_context.h"

namespace lowbit::onnx_import {

/// Throws Error(unsupported) where the number of steps, or a condition to go on, is computed from inputs, or
/// where there are too many steps.
void unroll_loop(Importer& importer, NodeContext& node);
void unroll_scan(Importer& importer, NodeContext& node);

}  // namespace lowbit::onnx_import
