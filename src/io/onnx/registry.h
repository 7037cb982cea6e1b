// SPDX-License-Identifier: Apache-2.0
// The table of supported ONNX operators. Adding one takes a file with its converter and a line of the table.
#pragma once

#include <string_view>

namespace lowbit::onnx_import {

class NodeContext;
using Converter = void (*)(NodeContext&);

/// Null for an operator that lowbit does not have.
Converter find_converter(std::string_view op_type);

void convert_abs(NodeContext&);
void convert_add(NodeContext&);
void convert_average_pool(NodeContext&);
void convert_batch_normalization(NodeContext&);
void convert_cast(NodeContext&);
void convert_clip(NodeContext&);
void convert_concat(NodeContext&);
void convert_constant(NodeContext&);
void convert_constant_of_shape(NodeContext&);
void convert_conv(NodeContext&);
void convert_div(NodeContext&);
void convert_dropout(NodeContext&);
void convert_elu(NodeContext&);
void convert_erf(NodeContext&);
void convert_exp(NodeContext&);
void convert_flatten(NodeContext&);
void convert_gather(NodeContext&);
void convert_gelu(NodeContext&);
void convert_gemm(NodeContext&);
void convert_global_average_pool(NodeContext&);
void convert_hard_sigmoid(NodeContext&);
void convert_hard_swish(NodeContext&);
void convert_identity(NodeContext&);
void convert_leaky_relu(NodeContext&);
void convert_log(NodeContext&);
void convert_layer_normalization(NodeContext&);
void convert_lrn(NodeContext&);
void convert_matmul(NodeContext&);
void convert_max(NodeContext&);
void convert_max_pool(NodeContext&);
void convert_mean(NodeContext&);
void convert_min(NodeContext&);
void convert_mul(NodeContext&);
void convert_neg(NodeContext&);
void convert_pad(NodeContext&);
void convert_pow(NodeContext&);
void convert_reciprocal(NodeContext&);
void convert_reduce_l1(NodeContext&);
void convert_reduce_l2(NodeContext&);
void convert_reduce_log_sum(NodeContext&);
void convert_reduce_log_sum_exp(NodeContext&);
void convert_reduce_max(NodeContext&);
void convert_reduce_mean(NodeContext&);
void convert_reduce_min(NodeContext&);
void convert_reduce_prod(NodeContext&);
void convert_reduce_sum(NodeContext&);
void convert_reduce_sum_square(NodeContext&);
void convert_relu(NodeContext&);
void convert_reshape(NodeContext&);
void convert_shape(NodeContext&);
void convert_sigmoid(NodeContext&);
void convert_slice(NodeContext&);
void convert_softmax(NodeContext&);
void convert_softplus(NodeContext&);
void convert_sqrt(NodeContext&);
void convert_squeeze(NodeContext&);
void convert_sub(NodeContext&);
void convert_sum(NodeContext&);
void convert_swish(NodeContext&);
void convert_tanh(NodeContext&);
void convert_transpose(NodeContext&);
void convert_matmul_nbits(NodeContext&);
void convert_quantize_linear(NodeContext&);
void convert_dequantize_linear(NodeContext&);
/// What those two do in a whole graph, too. False where they do nothing: the node is an operator on arrays.
bool convert_codes(NodeContext&);
void convert_unsqueeze(NodeContext&);

}  // namespace lowbit::onnx_import
