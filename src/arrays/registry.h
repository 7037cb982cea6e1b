// SPDX-License-Identifier: Apache-2.0
// The operators of ONNX that run on arrays. Adding one takes its function, in the file where its relatives
// are, and a line of that file's table.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "arrays/call.h"

namespace lowbit::arrays {

struct Function {
  std::string_view name;  ///< as ONNX has it
  Prepare prepare;
};

/// Null for an operator that is not here.
Prepare find_function(std::string_view name);
/// function(call), of an operator that is here. Refuses elements of 8 bits and fewer that it would compute
/// with, where the standard has it move or convert them at most.
Prepared prepare(Prepare function, const Call& call);
/// Of all operators, in the order of their files.
std::vector<std::string_view> function_names();

std::span<const Function> shape_functions();       ///< Reshape, Shape, ...: shape_functions.cc
std::span<const Function> movement_functions();    ///< Transpose, Concat, Split, ...
std::span<const Function> slice_functions();       ///< Slice, Pad, CenterCropPad
std::span<const Function> generator_functions();   ///< Range, ConstantOfShape, EyeLike, ...
std::span<const Function> indexing_functions();    ///< Gather, Where, OneHot, Compress, ...
std::span<const Function> scatter_functions();     ///< ScatterElements, ScatterND, TensorScatter
std::span<const Function> order_functions();       ///< ArgMax, ArgMin, TopK
std::span<const Function> resize_functions();      ///< Resize
std::span<const Function> unary_functions();       ///< of each element by itself
std::span<const Function> activation_functions();  ///< of each element by itself, as networks are activated
std::span<const Function> binary_functions();      ///< with broadcasting: arithmetic
std::span<const Function> logic_functions();       ///< with broadcasting: comparisons, logic
std::span<const Function> cast_functions();        ///< Cast, CastLike
std::span<const Function> reduction_functions();   ///< ReduceSum, GlobalAveragePool, ...
std::span<const Function> softmax_functions();     ///< Softmax, CumSum, ...
std::span<const Function> normalization_functions();
std::span<const Function> product_functions();          ///< MatMul, Gemm, ...
std::span<const Function> integer_product_functions();  ///< MatMulInteger, QLinearConv, ...
std::span<const Function> einsum_functions();           ///< Einsum
std::span<const Function> convolution_functions();      ///< Conv, ConvTranspose, Col2Im of 1 to 3 dimensions
std::span<const Function> pool_functions();             ///< MaxPool, AveragePool, ... of 1 to 3 dimensions
std::span<const Function> recurrent_functions();        ///< RNN, GRU, LSTM
std::span<const Function> attention_functions();        ///< Attention, RotaryEmbedding
std::span<const Function> quantization_functions();     ///< QuantizeLinear, DequantizeLinear, ...
std::span<const Function> loss_functions();  ///< SoftmaxCrossEntropyLoss, NegativeLogLikelihoodLoss

}  // namespace lowbit::arrays
