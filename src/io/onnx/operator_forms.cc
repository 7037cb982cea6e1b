// SPDX-License-Identifier: Apache-2.0
// The forms of ONNX's operators: what each takes and gives in every version of the operator set up to 27. A
// row holds until the next one of the same operator.
#include "io/onnx/operator_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>

#include "io/onnx/model_proto.h"
#include "lowbit/core/error.h"

namespace lowbit::onnx_import {
namespace {

constexpr int kAny = 1 << 30, kGone = -1;

struct Form {
  std::string_view op_type;
  int since;  ///< the operator set
  int least_inputs, most_inputs, least_outputs, most_outputs;
  /// Names with spaces between them and the letter of the type behind: "axis:i !perm:I". '!': it must be
  /// there.
  std::string_view attributes;
};

constexpr Form kForms[] = {
    {"Abs", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Abs", 6, 1, 1, 1, 1, ""},
    {"Acos", 7, 1, 1, 1, 1, ""},
    {"Acosh", 9, 1, 1, 1, 1, ""},
    {"Add", 1, 2, 2, 1, 1, "axis:i broadcast:i consumed_inputs:I"},
    {"Add", 6, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Add", 7, 2, 2, 1, 1, ""},
    {"And", 1, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"And", 7, 2, 2, 1, 1, ""},
    {"ArgMax", 1, 1, 1, 1, 1, "axis:i keepdims:i"},
    {"ArgMax", 12, 1, 1, 1, 1, "axis:i keepdims:i select_last_index:i"},
    {"ArgMin", 1, 1, 1, 1, 1, "axis:i keepdims:i"},
    {"ArgMin", 12, 1, 1, 1, 1, "axis:i keepdims:i select_last_index:i"},
    {"Asin", 7, 1, 1, 1, 1, ""},
    {"Asinh", 9, 1, 1, 1, 1, ""},
    {"Atan", 7, 1, 1, 1, 1, ""},
    {"Atanh", 9, 1, 1, 1, 1, ""},
    {"Attention", 23, 3, 6, 1, 4,
     "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f "
     "softmax_precision:i"},
    {"Attention", 24, 3, 7, 1, 4,
     "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i scale:f softcap:f "
     "softmax_precision:i"},
    {"Attention", 25, 3, 7, 1, 4,
     "is_causal:i kv_num_heads:i left_window_size:i q_num_heads:i qk_matmul_output_mode:i "
     "right_window_size:i scale:f softcap:f softmax_precision:i"},
    {"AveragePool", 1, 1, 1, 1, 1, "auto_pad:s !kernel_shape:I pads:I strides:I"},
    {"AveragePool", 7, 1, 1, 1, 1, "auto_pad:s count_include_pad:i !kernel_shape:I pads:I strides:I"},
    {"AveragePool", 10, 1, 1, 1, 1,
     "auto_pad:s ceil_mode:i count_include_pad:i !kernel_shape:I pads:I strides:I"},
    {"AveragePool", 19, 1, 1, 1, 1,
     "auto_pad:s ceil_mode:i count_include_pad:i dilations:I !kernel_shape:I pads:I strides:I"},
    {"BatchNormalization", 1, 5, 5, 1, 5, "consumed_inputs:I epsilon:f is_test:i momentum:f spatial:i"},
    {"BatchNormalization", 6, 5, 5, 1, 5, "epsilon:f is_test:i momentum:f spatial:i"},
    {"BatchNormalization", 7, 5, 5, 1, 5, "epsilon:f momentum:f spatial:i"},
    {"BatchNormalization", 9, 5, 5, 1, 5, "epsilon:f momentum:f"},
    {"BatchNormalization", 14, 5, 5, 1, 3, "epsilon:f momentum:f training_mode:i"},
    {"BitCast", 26, 1, 1, 1, 1, "!to:i"},
    {"BitShift", 11, 2, 2, 1, 1, "!direction:s"},
    {"BitwiseAnd", 18, 2, 2, 1, 1, ""},
    {"BitwiseNot", 18, 1, 1, 1, 1, ""},
    {"BitwiseOr", 18, 2, 2, 1, 1, ""},
    {"BitwiseXor", 18, 2, 2, 1, 1, ""},
    {"BlackmanWindow", 17, 1, 1, 1, 1, "output_datatype:i periodic:i"},
    {"Cast", 1, 1, 1, 1, 1, "!to:s"},
    {"Cast", 6, 1, 1, 1, 1, "!to:i"},
    {"Cast", 19, 1, 1, 1, 1, "saturate:i !to:i"},
    {"Cast", 24, 1, 1, 1, 1, "round_mode:s saturate:i !to:i"},
    {"CastLike", 15, 2, 2, 1, 1, ""},
    {"CastLike", 19, 2, 2, 1, 1, "saturate:i"},
    {"CastLike", 24, 2, 2, 1, 1, "round_mode:s saturate:i"},
    {"Ceil", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Ceil", 6, 1, 1, 1, 1, ""},
    {"Celu", 12, 1, 1, 1, 1, "alpha:f"},
    {"CenterCropPad", 18, 2, 2, 1, 1, "axes:I"},
    {"Clip", 1, 1, 1, 1, 1, "consumed_inputs:I max:f min:f"},
    {"Clip", 6, 1, 1, 1, 1, "max:f min:f"},
    {"Clip", 11, 1, 3, 1, 1, ""},
    {"Col2Im", 18, 3, 3, 1, 1, "dilations:I pads:I strides:I"},
    {"Compress", 9, 2, 2, 1, 1, "axis:i"},
    {"Concat", 1, 1, kAny, 1, 1, "axis:i"},
    {"Concat", 4, 1, kAny, 1, 1, "!axis:i"},
    {"Constant", 1, 0, 0, 1, 1, "!value:t"},
    {"Constant", 11, 0, 0, 1, 1, "sparse_value:p value:t"},
    {"Constant", 12, 0, 0, 1, 1,
     "sparse_value:p value:t value_float:f value_floats:F value_int:i value_ints:I value_string:s "
     "value_strings:S"},
    {"ConstantOfShape", 9, 1, 1, 1, 1, "value:t"},
    {"Conv", 1, 2, 3, 1, 1, "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"},
    {"ConvInteger", 10, 2, 4, 1, 1, "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"},
    {"ConvTranspose", 1, 2, 3, 1, 1,
     "auto_pad:s dilations:I group:i kernel_shape:I output_padding:I output_shape:I pads:I strides:I"},
    {"Cos", 7, 1, 1, 1, 1, ""},
    {"Cosh", 9, 1, 1, 1, 1, ""},
    {"CumProd", 26, 2, 2, 1, 1, "exclusive:i reverse:i"},
    {"CumSum", 11, 2, 2, 1, 1, "exclusive:i reverse:i"},
    {"DepthToSpace", 1, 1, 1, 1, 1, "!blocksize:i"},
    {"DepthToSpace", 11, 1, 1, 1, 1, "!blocksize:i mode:s"},
    {"DequantizeLinear", 10, 2, 3, 1, 1, ""},
    {"DequantizeLinear", 13, 2, 3, 1, 1, "axis:i"},
    {"DequantizeLinear", 21, 2, 3, 1, 1, "axis:i block_size:i"},
    {"DequantizeLinear", 23, 2, 3, 1, 1, "axis:i block_size:i output_dtype:i"},
    {"Div", 1, 2, 2, 1, 1, "axis:i broadcast:i consumed_inputs:I"},
    {"Div", 6, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Div", 7, 2, 2, 1, 1, ""},
    {"Dropout", 1, 1, 1, 1, 2, "consumed_inputs:I is_test:i ratio:f"},
    {"Dropout", 6, 1, 1, 1, 2, "is_test:i ratio:f"},
    {"Dropout", 7, 1, 1, 1, 2, "ratio:f"},
    {"Dropout", 12, 1, 3, 1, 2, "seed:i"},
    {"DynamicQuantizeLinear", 11, 1, 1, 3, 3, ""},
    {"Einsum", 12, 1, kAny, 1, 1, "!equation:s"},
    {"Elu", 1, 1, 1, 1, 1, "alpha:f consumed_inputs:I"},
    {"Elu", 6, 1, 1, 1, 1, "alpha:f"},
    {"Equal", 1, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Equal", 7, 2, 2, 1, 1, ""},
    {"Erf", 9, 1, 1, 1, 1, ""},
    {"Exp", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Exp", 6, 1, 1, 1, 1, ""},
    {"Expand", 8, 2, 2, 1, 1, ""},
    {"EyeLike", 9, 1, 1, 1, 1, "dtype:i k:i"},
    {"Flatten", 1, 1, 1, 1, 1, "axis:i"},
    {"Floor", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Floor", 6, 1, 1, 1, 1, ""},
    {"GRU", 1, 3, 6, 2, 2,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i output_sequence:i"},
    {"GRU", 3, 3, 6, 0, 2,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i "
     "linear_before_reset:i output_sequence:i"},
    {"GRU", 7, 3, 6, 0, 2,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i "
     "linear_before_reset:i"},
    {"GRU", 14, 3, 6, 0, 2,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i "
     "linear_before_reset:i"},
    {"Gather", 1, 2, 2, 1, 1, "axis:i"},
    {"GatherElements", 11, 2, 2, 1, 1, "axis:i"},
    {"GatherND", 11, 2, 2, 1, 1, ""},
    {"GatherND", 12, 2, 2, 1, 1, "batch_dims:i"},
    {"Gelu", 20, 1, 1, 1, 1, "approximate:s"},
    {"Gemm", 1, 3, 3, 1, 1, "alpha:f beta:f broadcast:i transA:i transB:i"},
    {"Gemm", 7, 3, 3, 1, 1, "alpha:f beta:f transA:i transB:i"},
    {"Gemm", 11, 2, 3, 1, 1, "alpha:f beta:f transA:i transB:i"},
    {"GlobalAveragePool", 1, 1, 1, 1, 1, ""},
    {"GlobalLpPool", 1, 1, 1, 1, 1, "p:f"},
    {"GlobalLpPool", 2, 1, 1, 1, 1, "p:i"},
    {"GlobalMaxPool", 1, 1, 1, 1, 1, ""},
    {"Greater", 1, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Greater", 7, 2, 2, 1, 1, ""},
    {"GreaterOrEqual", 12, 2, 2, 1, 1, ""},
    {"GroupNormalization", 18, kGone, kGone, kGone, kGone, ""},
    {"GroupNormalization", 21, 3, 3, 1, 1, "epsilon:f !num_groups:i stash_type:i"},
    {"HammingWindow", 17, 1, 1, 1, 1, "output_datatype:i periodic:i"},
    {"HannWindow", 17, 1, 1, 1, 1, "output_datatype:i periodic:i"},
    {"HardSigmoid", 1, 1, 1, 1, 1, "alpha:f beta:f consumed_inputs:I"},
    {"HardSigmoid", 6, 1, 1, 1, 1, "alpha:f beta:f"},
    {"HardSwish", 14, 1, 1, 1, 1, ""},
    {"Hardmax", 1, 1, 1, 1, 1, "axis:i"},
    {"Identity", 1, 1, 1, 1, 1, ""},
    {"If", 1, 1, 1, 1, kAny, "!else_branch:g !then_branch:g"},
    {"InstanceNormalization", 1, 3, 3, 1, 1, "consumed_inputs:I epsilon:f"},
    {"InstanceNormalization", 6, 3, 3, 1, 1, "epsilon:f"},
    {"IsInf", 10, 1, 1, 1, 1, "detect_negative:i detect_positive:i"},
    {"IsNaN", 9, 1, 1, 1, 1, ""},
    {"LRN", 1, 1, 1, 1, 1, "alpha:f beta:f bias:f !size:i"},
    {"LSTM", 1, 3, 8, 0, 3,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i "
     "output_sequence:i"},
    {"LSTM", 7, 3, 8, 0, 3,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i"},
    {"LSTM", 14, 3, 8, 0, 3,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i input_forget:i "
     "layout:i"},
    {"LayerNormalization", 17, 2, 3, 1, 3, "axis:i epsilon:f stash_type:i"},
    {"LeakyRelu", 1, 1, 1, 1, 1, "alpha:f consumed_inputs:I"},
    {"LeakyRelu", 6, 1, 1, 1, 1, "alpha:f"},
    {"Less", 1, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Less", 7, 2, 2, 1, 1, ""},
    {"LessOrEqual", 12, 2, 2, 1, 1, ""},
    {"Log", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Log", 6, 1, 1, 1, 1, ""},
    {"LogSoftmax", 1, 1, 1, 1, 1, "axis:i"},
    {"Loop", 1, 0, kAny, 1, kAny, "!body:g"},
    {"LpNormalization", 1, 1, 1, 1, 1, "axis:i p:i"},
    {"LpPool", 1, 1, 1, 1, 1, "auto_pad:s kernel_shape:I p:f pads:I strides:I"},
    {"LpPool", 2, 1, 1, 1, 1, "auto_pad:s !kernel_shape:I p:i pads:I strides:I"},
    {"LpPool", 18, 1, 1, 1, 1, "auto_pad:s ceil_mode:i dilations:I !kernel_shape:I p:i pads:I strides:I"},
    {"MatMul", 1, 2, 2, 1, 1, ""},
    {"MatMulInteger", 10, 2, 4, 1, 1, ""},
    {"MatMulNBits", 1, 3, 6, 1, 1, "!K:i !N:i accuracy_level:i bits:i !block_size:i"},  // of com.microsoft
    {"Max", 1, 1, kAny, 1, 1, "consumed_inputs:I"},
    {"Max", 6, 1, kAny, 1, 1, ""},
    {"MaxPool", 1, 1, 1, 1, 1, "auto_pad:s !kernel_shape:I pads:I strides:I"},
    {"MaxPool", 8, 1, 1, 1, 2, "auto_pad:s !kernel_shape:I pads:I storage_order:i strides:I"},
    {"MaxPool", 10, 1, 1, 1, 2,
     "auto_pad:s ceil_mode:i dilations:I !kernel_shape:I pads:I storage_order:i strides:I"},
    {"MaxUnpool", 9, 2, 3, 1, 1, "!kernel_shape:I pads:I strides:I"},
    {"Mean", 1, 1, kAny, 1, 1, "consumed_inputs:I"},
    {"Mean", 6, 1, kAny, 1, 1, ""},
    {"MeanVarianceNormalization", 9, 1, 1, 1, 1, "axes:I"},
    {"Min", 1, 1, kAny, 1, 1, "consumed_inputs:I"},
    {"Min", 6, 1, kAny, 1, 1, ""},
    {"Mish", 18, 1, 1, 1, 1, ""},
    {"Mod", 10, 2, 2, 1, 1, "fmod:i"},
    {"Mul", 1, 2, 2, 1, 1, "axis:i broadcast:i consumed_inputs:I"},
    {"Mul", 6, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Mul", 7, 2, 2, 1, 1, ""},
    {"Neg", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Neg", 6, 1, 1, 1, 1, ""},
    {"NegativeLogLikelihoodLoss", 12, 2, 3, 1, 1, "ignore_index:i reduction:s"},
    {"NonZero", 9, 1, 1, 1, 1, ""},
    {"Not", 1, 1, 1, 1, 1, ""},
    {"OneHot", 9, 3, 3, 1, 1, "axis:i"},
    {"Or", 1, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Or", 7, 2, 2, 1, 1, ""},
    {"PRelu", 1, 2, 2, 1, 1, "consumed_inputs:I"},
    {"PRelu", 6, 2, 2, 1, 1, ""},
    {"Pad", 1, 1, 1, 1, 1, "mode:s !paddings:I value:f"},
    {"Pad", 2, 1, 1, 1, 1, "mode:s !pads:I value:f"},
    {"Pad", 11, 2, 3, 1, 1, "mode:s"},
    {"Pad", 18, 2, 4, 1, 1, "mode:s"},
    {"Pow", 1, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Pow", 7, 2, 2, 1, 1, ""},
    {"QLinearConv", 10, 8, 9, 1, 1, "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"},
    {"QLinearMatMul", 10, 8, 8, 1, 1, ""},
    {"QuantizeLinear", 10, 2, 3, 1, 1, ""},
    {"QuantizeLinear", 13, 2, 3, 1, 1, "axis:i"},
    {"QuantizeLinear", 19, 2, 3, 1, 1, "axis:i saturate:i"},
    {"QuantizeLinear", 21, 2, 3, 1, 1, "axis:i block_size:i output_dtype:i saturate:i"},
    {"QuantizeLinear", 23, 2, 3, 1, 1, "axis:i block_size:i output_dtype:i precision:i saturate:i"},
    {"RMSNormalization", 23, 2, 2, 1, 1, "axis:i epsilon:f stash_type:i"},
    {"RNN", 1, 3, 6, 0, 2,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i output_sequence:i"},
    {"RNN", 7, 3, 6, 0, 2,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i"},
    {"RNN", 14, 3, 6, 0, 2,
     "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i layout:i"},
    {"Range", 11, 3, 3, 1, 1, ""},
    {"Range", 27, 3, 3, 1, 1, "stash_type:i"},
    {"Reciprocal", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Reciprocal", 6, 1, 1, 1, 1, ""},
    {"ReduceL1", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceL1", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceL2", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceL2", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceLogSum", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceLogSum", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceLogSumExp", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceLogSumExp", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceMax", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceMax", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceMean", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceMean", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceMin", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceMin", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceProd", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceProd", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceSum", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceSum", 13, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceSumSquare", 1, 1, 1, 1, 1, "axes:I keepdims:i"},
    {"ReduceSumSquare", 18, 1, 2, 1, 1, "keepdims:i noop_with_empty_axes:i"},
    {"Relu", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Relu", 6, 1, 1, 1, 1, ""},
    {"Reshape", 1, 1, 1, 1, 1, "consumed_inputs:I shape:I"},
    {"Reshape", 5, 2, 2, 1, 1, ""},
    {"Reshape", 14, 2, 2, 1, 1, "allowzero:i"},
    {"Resize", 10, 2, 2, 1, 1, "mode:s"},
    {"Resize", 11, 3, 4, 1, 1,
     "coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f mode:s "
     "nearest_mode:s"},
    {"Resize", 13, 1, 4, 1, 1,
     "coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f mode:s "
     "nearest_mode:s"},
    {"Resize", 18, 1, 4, 1, 1,
     "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i "
     "extrapolation_value:f keep_aspect_ratio_policy:s mode:s nearest_mode:s"},
    {"ReverseSequence", 10, 2, 2, 1, 1, "batch_axis:i time_axis:i"},
    {"RotaryEmbedding", 23, 3, 4, 1, 1, "interleaved:i num_heads:i rotary_embedding_dim:i"},
    {"Round", 11, 1, 1, 1, 1, ""},
    {"Scan", 8, 0, kAny, 1, kAny, "!body:g directions:I !num_scan_inputs:i"},
    {"Scan", 9, 1, kAny, 1, kAny,
     "!body:g !num_scan_inputs:i scan_input_axes:I scan_input_directions:I scan_output_axes:I "
     "scan_output_directions:I"},
    {"Scatter", 9, 3, 3, 1, 1, "axis:i"},
    {"Scatter", 11, kGone, kGone, kGone, kGone, ""},
    {"ScatterElements", 11, 3, 3, 1, 1, "axis:i"},
    {"ScatterElements", 16, 3, 3, 1, 1, "axis:i reduction:s"},
    {"ScatterND", 11, 3, 3, 1, 1, ""},
    {"ScatterND", 16, 3, 3, 1, 1, "reduction:s"},
    {"Selu", 1, 1, 1, 1, 1, "alpha:f consumed_inputs:I gamma:f"},
    {"Selu", 6, 1, 1, 1, 1, "alpha:f gamma:f"},
    {"Shape", 1, 1, 1, 1, 1, ""},
    {"Shape", 15, 1, 1, 1, 1, "end:i start:i"},
    {"Shrink", 9, 1, 1, 1, 1, "bias:f lambd:f"},
    {"Sigmoid", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Sigmoid", 6, 1, 1, 1, 1, ""},
    {"Sign", 9, 1, 1, 1, 1, ""},
    {"Sin", 7, 1, 1, 1, 1, ""},
    {"Sinh", 9, 1, 1, 1, 1, ""},
    {"Size", 1, 1, 1, 1, 1, ""},
    {"Slice", 1, 1, 1, 1, 1, "axes:I !ends:I !starts:I"},
    {"Slice", 10, 3, 5, 1, 1, ""},
    {"Softmax", 1, 1, 1, 1, 1, "axis:i"},
    {"SoftmaxCrossEntropyLoss", 12, 2, 3, 1, 2, "ignore_index:i reduction:s"},
    {"Softplus", 1, 1, 1, 1, 1, ""},
    {"Softsign", 1, 1, 1, 1, 1, ""},
    {"SpaceToDepth", 1, 1, 1, 1, 1, "!blocksize:i"},
    {"Split", 1, 1, 2, 1, kAny, "axis:i split:I"},
    {"Split", 2, 1, 1, 1, kAny, "axis:i split:I"},
    {"Split", 13, 1, 2, 1, kAny, "axis:i"},
    {"Split", 18, 1, 2, 1, kAny, "axis:i num_outputs:i"},
    {"Sqrt", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Sqrt", 6, 1, 1, 1, 1, ""},
    {"Squeeze", 1, 1, 1, 1, 1, "axes:I"},
    {"Squeeze", 13, 1, 2, 1, 1, ""},
    {"Sub", 1, 2, 2, 1, 1, "axis:i broadcast:i consumed_inputs:I"},
    {"Sub", 6, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Sub", 7, 2, 2, 1, 1, ""},
    {"Sum", 1, 1, kAny, 1, 1, "consumed_inputs:I"},
    {"Sum", 6, 1, kAny, 1, 1, ""},
    {"Swish", 24, 1, 1, 1, 1, "alpha:f"},
    {"Tan", 7, 1, 1, 1, 1, ""},
    {"Tanh", 1, 1, 1, 1, 1, "consumed_inputs:I"},
    {"Tanh", 6, 1, 1, 1, 1, ""},
    {"TensorScatter", 24, 2, 3, 1, 1, "axis:i mode:s"},
    {"ThresholdedRelu", 10, 1, 1, 1, 1, "alpha:f"},
    {"Tile", 1, 3, 3, 1, 1, ""},
    {"Tile", 6, 2, 2, 1, 1, ""},
    {"TopK", 1, 1, 1, 2, 2, "axis:i !k:i"},
    {"TopK", 10, 2, 2, 2, 2, "axis:i"},
    {"TopK", 11, 2, 2, 2, 2, "axis:i largest:i sorted:i"},
    {"Transpose", 1, 1, 1, 1, 1, "perm:I"},
    {"Trilu", 14, 1, 2, 1, 1, "upper:i"},
    {"Unsqueeze", 1, 1, 1, 1, 1, "!axes:I"},
    {"Unsqueeze", 13, 2, 2, 1, 1, ""},
    {"Upsample", 1, 1, 1, 1, 1, "!height_scale:f mode:s !width_scale:f"},
    {"Upsample", 7, 1, 1, 1, 1, "mode:s !scales:F"},
    {"Upsample", 9, 2, 2, 1, 1, "mode:s"},
    {"Upsample", 10, kGone, kGone, kGone, kGone, ""},
    {"Where", 9, 3, 3, 1, 1, ""},
    {"Xor", 1, 2, 2, 1, 1, "axis:i broadcast:i"},
    {"Xor", 7, 2, 2, 1, 1, ""},
};

using Type = onnx::AttributeProto;

struct TypeLetter {
  char letter;
  Type::AttributeType type;
};

constexpr TypeLetter kTypeLetters[] = {
    {'i', Type::INT},    {'f', Type::FLOAT},   {'s', Type::STRING},
    {'t', Type::TENSOR}, {'g', Type::GRAPH},   {'I', Type::INTS},
    {'F', Type::FLOATS}, {'S', Type::STRINGS}, {'p', Type::SPARSE_TENSOR},
};

/// What the standard says of an attribute.
struct Declared {
  std::string_view name;
  Type::AttributeType type = Type::UNDEFINED;
  bool is_required = false;
};

/// Calls `body` for each attribute of a row.
template <class Body>
void for_each_attribute(std::string_view attributes, Body&& body) {
  for (std::size_t first = 0; first < attributes.size();) {
    const std::size_t end = std::min(attributes.find(' ', first), attributes.size());
    std::string_view word = attributes.substr(first, end - first);
    Declared declared;
    if (word.front() == '!') declared.is_required = true, word.remove_prefix(1);
    const auto* row = std::find_if(std::begin(kTypeLetters), std::end(kTypeLetters),
                                   [&](const TypeLetter& t) { return t.letter == word.back(); });
    declared.type = row->type;
    declared.name = word.substr(0, word.size() - 2);
    body(declared);
    first = end + 1;
  }
}

/// Whether an attribute has a value in the field of its type alone. Writers may leave out a zero or an empty
/// list.
bool has_only_its_value(const onnx::AttributeProto& a) {
  const struct {
    Type::AttributeType type;
    bool is_there, may_be_left_out;
  } fields[] = {{Type::FLOAT, a.has_f(), true},        {Type::INT, a.has_i(), true},
                {Type::STRING, a.has_s(), true},       {Type::TENSOR, a.has_t(), false},
                {Type::GRAPH, a.has_g(), false},       {Type::FLOATS, a.floats_size() > 0, true},
                {Type::INTS, a.ints_size() > 0, true}, {Type::STRINGS, a.strings_size() > 0, true}};
  return std::all_of(std::begin(fields), std::end(fields), [&](const auto& field) {
    return field.type == a.type() ? field.is_there || field.may_be_left_out : !field.is_there;
  });
}

/// Of the operator in that set, or null.
const Form* form_at(std::string_view op_type, std::int64_t opset) {
  const Form* form = nullptr;
  for (const Form& row : kForms)
    if (row.op_type == op_type && row.since <= opset) form = &row;
  return form;
}

class FormCheck {
 public:
  FormCheck(const onnx::NodeProto& node, const FileVersions& versions, const std::string& file)
      : node_(node), versions_(versions), file_(file) {}

  void run() const {
    const Form* form = find_form();
    if (!form) return;
    check_count(node_.input_size(), form->least_inputs, form->most_inputs, "input");
    check_count(node_.output_size(), form->least_outputs, form->most_outputs, "output");
    for (int i = 0; i < form->least_inputs; ++i)
      if (node_.input(i).empty()) complain(fmt::format("leaves out its input {}, which it must have", i));
    check_attributes(*form);
  }

 private:
  [[noreturn]] void complain(const std::string& what, ErrorCode code = ErrorCode::corrupt_file) const {
    const bool is_named = !node_.name().empty() || node_.output_size() == 0;
    throw Error(code, fmt::format("{}: node '{}' ({}) {}", file_, is_named ? node_.name() : node_.output(0),
                                  node_.op_type(), what));
  }

  /// Null for an operator that is none of the standard.
  const Form* find_form() const {
    const Form *form = nullptr, *first = nullptr;
    for (const Form& row : kForms) {
      if (row.op_type != node_.op_type()) continue;
      if (!first) first = &row;
      if (row.since <= versions_.opset) form = &row;
    }
    if (first && !form)
      complain(fmt::format("came with the operator set {}; the file has {}", first->since, versions_.opset));
    if (form && form->most_inputs == kGone)
      complain(
          fmt::format("is gone since the operator set {}; the file has {}", form->since, versions_.opset));
    return form;
  }

  void check_count(int count, int least, int most, std::string_view what) const {
    if (count >= least && count <= most) return;
    const std::string range = most == kAny    ? fmt::format("{} or more", least)
                              : least == most ? fmt::format("{}", least)
                                              : fmt::format("{} to {}", least, most);
    complain(fmt::format("has {} {}{}; it must have {}", count, what, count == 1 ? "" : "s", range));
  }

  void check_attributes(const Form& form) const {
    for (int i = 0; i < node_.attribute_size(); ++i) {
      check_attribute(form, node_.attribute(i));
      for (int j = 0; j < i; ++j)
        if (node_.attribute(j).name() == node_.attribute(i).name())
          complain(fmt::format("has the attribute '{}' twice", node_.attribute(i).name()));
    }
    for_each_attribute(form.attributes, [&](const Declared& declared) {
      const auto is_it = [&](const onnx::AttributeProto& a) { return a.name() == declared.name; };
      if (declared.is_required && std::none_of(node_.attribute().begin(), node_.attribute().end(), is_it))
        complain(fmt::format("lacks the attribute '{}'", declared.name));
    });
  }

  void check_attribute(const Form& form, const onnx::AttributeProto& attribute) const {
    std::optional<Declared> found;
    for_each_attribute(form.attributes, [&](const Declared& declared) {
      if (declared.name == attribute.name()) found = declared;
    });
    if (!found)
      complain(fmt::format("has the attribute '{}', which the operator does not have in the operator set {}",
                           attribute.name(), versions_.opset));
    if (!attribute.ref_attr_name().empty())
      complain(fmt::format("takes its attribute '{}' from a function", attribute.name()),
               ErrorCode::unsupported);
    if (attribute.type() == Type::UNDEFINED) {
      // Files of the first version of the format may leave the type out.
      if (versions_.ir >= 2)
        complain(fmt::format("does not say the type of its attribute '{}'", attribute.name()));
      return;
    }
    if (attribute.type() != found->type)
      complain(fmt::format("has the attribute '{}' in another type than {}", attribute.name(),
                           Type::AttributeType_Name(found->type)));
    if (!has_only_its_value(attribute))
      complain(fmt::format("needs one value, of the type {}, in its attribute '{}'",
                           Type::AttributeType_Name(found->type), attribute.name()));
  }

  const onnx::NodeProto& node_;
  const FileVersions& versions_;
  const std::string& file_;
};

void require_single_definitions(const onnx::GraphProto& graph, const std::string& file) {
  std::set<std::string> names, initializers;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && !names.insert(name).second)
      throw Error(ErrorCode::corrupt_file, fmt::format("{}: '{}' is computed twice", file, name));
  };
  for (const auto& tensor : graph.initializer()) add(tensor.name()), initializers.insert(tensor.name());
  for (const auto& input : graph.input())
    if (!initializers.contains(input.name())) add(input.name());
  for (const auto& node : graph.node())
    for (const std::string& name : node.output()) add(name);
}

}  // namespace

onnx::AttributeProto::AttributeType attribute_type(std::string_view op_type, std::int64_t opset,
                                                   std::string_view name) {
  onnx::AttributeProto::AttributeType found = onnx::AttributeProto::UNDEFINED;
  if (const Form* form = form_at(op_type, opset))
    for_each_attribute(form->attributes, [&](const Declared& d) {
      if (d.name == name) found = d.type;
    });
  return found;
}

bool is_same_form(std::string_view op_type, std::int64_t a, std::int64_t b) {
  return form_at(op_type, a) == form_at(op_type, b);
}

void check_graph(const onnx::GraphProto& graph, const FileVersions& versions, const NodeOpsets& opsets,
                 const std::string& file) {
  require_single_definitions(graph, file);
  for (const auto& node : graph.node()) {
    const FileVersions own{opset_of(node, opsets, versions.opset), versions.ir};
    if (is_known_domain(node)) FormCheck(node, own, file).run();
    for (const auto& attribute : node.attribute())
      if (attribute.has_g()) check_graph(attribute.g(), own, opsets, file);
  }
}

void require_known_opset(std::int64_t version, const std::string& asker) {
  constexpr std::int64_t kNewest = 27;  // ONNX 1.22
  if (version < 1)
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{} asks for the operator set {}, which does not exist", asker, version));
  if (version > kNewest)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("{} asks for the operator set {}; those up to {} are known", asker, version, kNewest));
}

std::int64_t opset_of(const onnx::ModelProto& model, const std::string& file) {
  const auto reject = [&](const std::string& what) { throw Error(ErrorCode::corrupt_file, file + what); };
  std::optional<std::int64_t> found;
  for (const auto& opset : model.opset_import()) {
    if (!is_onnx_domain(opset.domain())) continue;
    if (found && *found != opset.version())
      reject(fmt::format(" asks for the operator sets {} and {} at once", *found, opset.version()));
    found = opset.version();
  }
  // Files of the first versions of the format do not say.
  if (!found && model.ir_version() >= 3) reject(" does not say which operator set it asks for");
  const std::int64_t version = found.value_or(1);
  require_known_opset(version, file);
  return version;
}

}  // namespace lowbit::onnx_import
