// The table of supported ONNX operators. Adding one takes a file with its converter and a line of the table.
#pragma once

#include <string_view>

namespace lowbit::onnx_import {

class NodeContext;
using Converter = void (*)(NodeContext&);

/// Null for an operator that lowbit does not have.
Converter find_converter(std::string_view op_type);

void convert_add(NodeContext&);
void convert_average_pool(NodeContext&);
void convert_batch_normalization(NodeContext&);
void convert_cast(NodeContext&);
void convert_clip(NodeContext&);
void convert_concat(NodeContext&);
void convert_constant(NodeContext&);
void convert_conv(NodeContext&);
void convert_div(NodeContext&);
void convert_dropout(NodeContext&);
void convert_flatten(NodeContext&);
void convert_gather(NodeContext&);
void convert_gemm(NodeContext&);
void convert_global_average_pool(NodeContext&);
void convert_identity(NodeContext&);
void convert_matmul(NodeContext&);
void convert_max_pool(NodeContext&);
void convert_mul(NodeContext&);
void convert_pad(NodeContext&);
void convert_relu(NodeContext&);
void convert_reshape(NodeContext&);
void convert_shape(NodeContext&);
void convert_slice(NodeContext&);
void convert_softmax(NodeContext&);
void convert_squeeze(NodeContext&);
void convert_sub(NodeContext&);
void convert_unsqueeze(NodeContext&);

}  // namespace lowbit::onnx_import
