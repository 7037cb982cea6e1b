// SPDX-License-Identifier: Apache-2.0
// Pairs of QuantizeLinear and DequantizeLinear: how files say that a value is to be quantized. Nothing else
// reads the codes between them but what moves them, so that the value can stand for both.
#pragma once

#include <onnx/onnx_pb.h>

#include <set>
#include <string>

namespace lowbit::onnx_import {

/// Names of the codes between such pairs, which DequantizeLinear nodes with the same scale and zero point
/// read, behind operators that move codes or at once, and nothing else.
std::set<std::string> find_quantized_pairs(const onnx::GraphProto& graph);

}  // namespace lowbit::onnx_import
