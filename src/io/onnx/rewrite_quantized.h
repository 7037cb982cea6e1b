// SPDX-License-Identifier: Apache-2.0
// Operators on codes in a file, as the float operators with QuantizeLinear and DequantizeLinear around them
// that they stand for:
//
//   QLinearConv, QLinearMatMul                                      static codes
//   MatMulInteger or ConvInteger, Cast, Mul                         static codes, results in floats
//   DynamicQuantizeLinear, MatMulInteger, Cast, Mul                 codes of values found at run time
#pragma once

#include <onnx/onnx_pb.h>

#include <set>
#include <string>

#include "io/onnx/initializers.h"

namespace lowbit::onnx_import {

/// Rewrites the nodes of a graph whose inputs and outputs are no codes themselves, and whose scales are
/// initializers; leaves others as they are. Returns the names of products whose inputs are quantized at run
/// time.
std::set<std::string> rewrite_quantized(onnx::ModelProto& model, const TensorFiles& files);

}  // namespace lowbit::onnx_import
