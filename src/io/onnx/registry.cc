#include "io/onnx/registry.h"

namespace lowbit::onnx_import {

namespace {

struct Row {
  std::string_view op_type;
  Converter convert;
};

constexpr Row kTable[] = {
    {"Add", convert_add},
    {"AveragePool", convert_average_pool},
    {"BatchNormalization", convert_batch_normalization},
    {"Cast", convert_cast},
    {"Clip", convert_clip},
    {"Concat", convert_concat},
    {"Constant", convert_constant},
    {"Conv", convert_conv},
    {"Div", convert_div},
    {"Dropout", convert_dropout},
    {"Flatten", convert_flatten},
    {"Gather", convert_gather},
    {"Gemm", convert_gemm},
    {"GlobalAveragePool", convert_global_average_pool},
    {"Identity", convert_identity},
    {"MatMul", convert_matmul},
    {"MaxPool", convert_max_pool},
    {"Mul", convert_mul},
    {"Pad", convert_pad},
    {"Relu", convert_relu},
    {"Reshape", convert_reshape},
    {"Shape", convert_shape},
    {"Slice", convert_slice},
    {"Softmax", convert_softmax},
    {"Squeeze", convert_squeeze},
    {"Sub", convert_sub},
    {"Unsqueeze", convert_unsqueeze},
};

}  // namespace

Converter find_converter(std::string_view op_type) {
  for (const Row& row : kTable)
    if (row.op_type == op_type) return row.convert;
  return nullptr;
}

}  // namespace lowbit::onnx_import
