// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/registry.h"

namespace lowbit::onnx_import {

namespace {

struct Row {
  std::string_view op_type;
  Converter convert;
};

constexpr Row kTable[] = {
    {"Abs", convert_abs},
    {"Add", convert_add},
    {"AveragePool", convert_average_pool},
    {"BatchNormalization", convert_batch_normalization},
    {"Cast", convert_cast},
    {"Clip", convert_clip},
    {"Concat", convert_concat},
    {"Constant", convert_constant},
    {"ConstantOfShape", convert_constant_of_shape},
    {"Conv", convert_conv},
    {"DequantizeLinear", convert_dequantize_linear},
    {"Div", convert_div},
    {"Dropout", convert_dropout},
    {"Elu", convert_elu},
    {"Erf", convert_erf},
    {"Exp", convert_exp},
    {"Flatten", convert_flatten},
    {"Gather", convert_gather},
    {"Gelu", convert_gelu},
    {"Gemm", convert_gemm},
    {"GlobalAveragePool", convert_global_average_pool},
    {"HardSigmoid", convert_hard_sigmoid},
    {"HardSwish", convert_hard_swish},
    {"Identity", convert_identity},
    {"LRN", convert_lrn},
    {"LayerNormalization", convert_layer_normalization},
    {"LeakyRelu", convert_leaky_relu},
    {"Log", convert_log},
    {"MatMul", convert_matmul},
    {"MatMulNBits", convert_matmul_nbits},
    {"Max", convert_max},
    {"MaxPool", convert_max_pool},
    {"Mean", convert_mean},
    {"Min", convert_min},
    {"Mul", convert_mul},
    {"Neg", convert_neg},
    {"Pad", convert_pad},
    {"Pow", convert_pow},
    {"QuantizeLinear", convert_quantize_linear},
    {"Reciprocal", convert_reciprocal},
    {"ReduceL1", convert_reduce_l1},
    {"ReduceL2", convert_reduce_l2},
    {"ReduceLogSum", convert_reduce_log_sum},
    {"ReduceLogSumExp", convert_reduce_log_sum_exp},
    {"ReduceMax", convert_reduce_max},
    {"ReduceMean", convert_reduce_mean},
    {"ReduceMin", convert_reduce_min},
    {"ReduceProd", convert_reduce_prod},
    {"ReduceSum", convert_reduce_sum},
    {"ReduceSumSquare", convert_reduce_sum_square},
    {"Relu", convert_relu},
    {"Reshape", convert_reshape},
    {"Shape", convert_shape},
    {"Sigmoid", convert_sigmoid},
    {"Slice", convert_slice},
    {"Softmax", convert_softmax},
    {"Softplus", convert_softplus},
    {"Sqrt", convert_sqrt},
    {"Squeeze", convert_squeeze},
    {"Sub", convert_sub},
    {"Sum", convert_sum},
    {"Swish", convert_swish},
    {"Tanh", convert_tanh},
    {"Transpose", convert_transpose},
    {"Unsqueeze", convert_unsqueeze},
};

}  // namespace

Converter find_converter(std::string_view op_type) {
  for (const Row& row : kTable)
    if (row.op_type == op_type) return row.convert;
  return nullptr;
}

}  // namespace lowbit::onnx_import
