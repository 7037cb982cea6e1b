// SPDX-License-Identifier: Apache-2.0
// The arithmetic of runtimes of ONNX and TensorFlow Lite, in a quantized model: biases are integers in steps
// of the sums they are added to, and sums of two values are operators of their own between codes.
#pragma once

#include "lowbit/core/qparams.h"
#include "lowbit/model/model.h"

namespace lowbit {

/// The bias of every product of codes becomes the nearest multiple of input scale times weight scale, as
/// QuantizeOptions::integer_biases says. A product that has none and gives codes gets zeros, so that its sums
/// are scaled as those of the others. `data` has all codes.
void round_biases(detail::ModelData& data);

/// Convolutions that add codes to codes become two nodes, as QuantizeOptions::rounded_sums says: the product,
/// in codes that summand_qparams() has, and an Add called "<name>:add", which limits.
void round_sums(detail::ModelData& data);

/// Of codes of 8 bits for the other operand of a sum with `added`: all that it needs for every code of `sum`;
/// what lies beyond gives the first or the last code all the same.
QParams summand_qparams(const ValueType& sum, const ValueType& added);

}  // namespace lowbit
