// The attributes of ONNX's operators, of all versions of the operator set up to 27 together.
#include "io/onnx/known_attributes.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "lowbit/core/error.h"

namespace lowbit::onnx_import {
namespace {

struct AttributesOf {
  std::string_view op_type, attributes;  ///< names with spaces between them
};

constexpr AttributesOf kAttributes[] = {
    {"Abs", "consumed_inputs"},
    {"Acos", ""},
    {"Acosh", ""},
    {"Add", "axis broadcast consumed_inputs"},
    {"And", "axis broadcast"},
    {"ArgMax", "axis keepdims select_last_index"},
    {"ArgMin", "axis keepdims select_last_index"},
    {"Asin", ""},
    {"Asinh", ""},
    {"Atan", ""},
    {"Atanh", ""},
    {"Attention", "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision"},
    {"AveragePool", "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"},
    {"BatchNormalization", "consumed_inputs epsilon is_test momentum spatial training_mode"},
    {"BitCast", "to"},
    {"BitShift", "direction"},
    {"BitwiseAnd", ""},
    {"BitwiseNot", ""},
    {"BitwiseOr", ""},
    {"BitwiseXor", ""},
    {"BlackmanWindow", "output_datatype periodic"},
    {"Cast", "round_mode saturate to"},
    {"CastLike", "round_mode saturate"},
    {"Ceil", "consumed_inputs"},
    {"Celu", "alpha"},
    {"CenterCropPad", "axes"},
    {"Clip", "consumed_inputs max min"},
    {"Col2Im", "dilations pads strides"},
    {"Compress", "axis"},
    {"Concat", "axis"},
    {"Constant",
     "sparse_value value value_float value_floats value_int value_ints value_string value_strings"},
    {"ConstantOfShape", "value"},
    {"Conv", "auto_pad dilations group kernel_shape pads strides"},
    {"ConvInteger", "auto_pad dilations group kernel_shape pads strides"},
    {"ConvTranspose", "auto_pad dilations group kernel_shape output_padding output_shape pads strides"},
    {"Cos", ""},
    {"Cosh", ""},
    {"CumProd", "exclusive reverse"},
    {"CumSum", "exclusive reverse"},
    {"DepthToSpace", "blocksize mode"},
    {"DequantizeLinear", "axis block_size output_dtype"},
    {"Div", "axis broadcast consumed_inputs"},
    {"Dropout", "consumed_inputs is_test ratio seed"},
    {"DynamicQuantizeLinear", ""},
    {"Einsum", "equation"},
    {"Elu", "alpha consumed_inputs"},
    {"Equal", "axis broadcast"},
    {"Erf", ""},
    {"Exp", "consumed_inputs"},
    {"Expand", ""},
    {"EyeLike", "dtype k"},
    {"Flatten", "axis"},
    {"Floor", "consumed_inputs"},
    {"GRU",
     "activation_alpha activation_beta activations clip direction hidden_size layout linear_before_reset "
     "output_sequence"},
    {"Gather", "axis"},
    {"GatherElements", "axis"},
    {"GatherND", "batch_dims"},
    {"Gelu", "approximate"},
    {"Gemm", "alpha beta broadcast transA transB"},
    {"GlobalAveragePool", ""},
    {"GlobalLpPool", "p"},
    {"GlobalMaxPool", ""},
    {"Greater", "axis broadcast"},
    {"GreaterOrEqual", ""},
    {"GroupNormalization", "epsilon num_groups stash_type"},
    {"HammingWindow", "output_datatype periodic"},
    {"HannWindow", "output_datatype periodic"},
    {"HardSigmoid", "alpha beta consumed_inputs"},
    {"HardSwish", ""},
    {"Hardmax", "axis"},
    {"Identity", ""},
    {"If", "else_branch then_branch"},
    {"InstanceNormalization", "consumed_inputs epsilon"},
    {"IsInf", "detect_negative detect_positive"},
    {"IsNaN", ""},
    {"LRN", "alpha beta bias size"},
    {"LSTM",
     "activation_alpha activation_beta activations clip direction hidden_size input_forget layout "
     "output_sequence"},
    {"LayerNormalization", "axis epsilon stash_type"},
    {"LeakyRelu", "alpha consumed_inputs"},
    {"Less", "axis broadcast"},
    {"LessOrEqual", ""},
    {"Log", "consumed_inputs"},
    {"LogSoftmax", "axis"},
    {"LpNormalization", "axis p"},
    {"LpPool", "auto_pad ceil_mode dilations kernel_shape p pads strides"},

    {"MatMul", ""},
    {"MatMulInteger", ""},
    {"MatMulNBits", "K N accuracy_level bits block_size"},
    {"Max", "consumed_inputs"},
    {"MaxPool", "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"},
    {"MaxUnpool", "kernel_shape pads strides"},
    {"Mean", "consumed_inputs"},
    {"MeanVarianceNormalization", "axes"},
    {"Min", "consumed_inputs"},
    {"Mish", ""},
    {"Mod", "fmod"},
    {"Mul", "axis broadcast consumed_inputs"},
    {"Neg", "consumed_inputs"},
    {"NegativeLogLikelihoodLoss", "ignore_index reduction"},
    {"NonZero", ""},
    {"Not", ""},
    {"OneHot", "axis"},
    {"Or", "axis broadcast"},
    {"PRelu", "consumed_inputs"},
    {"Pad", "mode paddings pads value"},
    {"Pow", "axis broadcast"},
    {"QLinearConv", "auto_pad dilations group kernel_shape pads strides"},
    {"QLinearMatMul", ""},
    {"QuantizeLinear", "axis block_size output_dtype precision saturate"},
    {"RMSNormalization", "axis epsilon stash_type"},
    {"RNN", "activation_alpha activation_beta activations clip direction hidden_size layout output_sequence"},
    {"Range", ""},
    {"Reciprocal", "consumed_inputs"},
    {"ReduceL1", "axes keepdims noop_with_empty_axes"},
    {"ReduceL2", "axes keepdims noop_with_empty_axes"},
    {"ReduceLogSum", "axes keepdims noop_with_empty_axes"},
    {"ReduceLogSumExp", "axes keepdims noop_with_empty_axes"},
    {"ReduceMax", "axes keepdims noop_with_empty_axes"},
    {"ReduceMean", "axes keepdims noop_with_empty_axes"},
    {"ReduceMin", "axes keepdims noop_with_empty_axes"},
    {"ReduceProd", "axes keepdims noop_with_empty_axes"},
    {"ReduceSum", "axes keepdims noop_with_empty_axes"},
    {"ReduceSumSquare", "axes keepdims noop_with_empty_axes"},
    {"Relu", "consumed_inputs"},
    {"Reshape", "allowzero consumed_inputs shape"},
    {"Resize",
     "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
     "keep_aspect_ratio_policy mode nearest_mode"},
    {"ReverseSequence", "batch_axis time_axis"},
    {"RotaryEmbedding", "interleaved num_heads rotary_embedding_dim"},
    {"Round", ""},
    {"Scatter", "axis"},
    {"ScatterElements", "axis reduction"},
    {"ScatterND", "reduction"},
    {"Selu", "alpha consumed_inputs gamma"},
    {"Shape", "end start"},
    {"Shrink", "bias lambd"},
    {"Sigmoid", "consumed_inputs"},
    {"Sign", ""},
    {"Sin", ""},
    {"Sinh", ""},
    {"Size", ""},
    {"Slice", "axes ends starts"},
    {"Softmax", "axis"},
    {"SoftmaxCrossEntropyLoss", "ignore_index reduction"},
    {"Softplus", ""},
    {"Softsign", ""},
    {"SpaceToDepth", "blocksize"},
    {"Split", "axis num_outputs split"},
    {"Sqrt", "consumed_inputs"},
    {"Squeeze", "axes"},
    {"Sub", "axis broadcast consumed_inputs"},
    {"Sum", "consumed_inputs"},
    {"Swish", "alpha"},
    {"Tan", ""},
    {"Tanh", "consumed_inputs"},
    {"TensorScatter", "axis mode"},
    {"ThresholdedRelu", "alpha"},
    {"Tile", ""},
    {"TopK", "axis k largest sorted"},
    {"Transpose", "perm"},
    {"Trilu", "upper"},
    {"Unsqueeze", "axes"},
    {"Upsample", "height_scale mode scales width_scale"},
    {"Where", ""},
    {"Xor", "axis broadcast"},
};

/// Whether `name` is one of the words of `names`.
bool is_among(std::string_view name, std::string_view names) {
  for (std::size_t first = 0; first < names.size();) {
    const std::size_t end = std::min(names.find(' ', first), names.size());
    if (names.substr(first, end - first) == name) return true;
    first = end + 1;
  }
  return false;
}

}  // namespace

void check_attributes(const onnx::NodeProto& node, std::int64_t ir_version, const std::string& file) {
  const auto* row = std::find_if(std::begin(kAttributes), std::end(kAttributes),
                                 [&](const AttributesOf& r) { return r.op_type == node.op_type(); });
  for (const auto& attribute : node.attribute()) {
    const auto complain = [&](ErrorCode code, const std::string& what) {
      throw Error(code,
                  fmt::format("{}: node '{}' ({}) {}", file,
                              node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name(),
                              node.op_type(), what));
    };
    if (row != std::end(kAttributes) && !is_among(attribute.name(), row->attributes))
      complain(ErrorCode::corrupt_file,
               fmt::format("has the attribute '{}', which the operator does not have", attribute.name()));
    // Files of the first version of the format may leave the type out.
    if (attribute.type() == onnx::AttributeProto::UNDEFINED && ir_version >= 2)
      complain(ErrorCode::corrupt_file,
               fmt::format("does not say the type of its attribute '{}'", attribute.name()));
    if (!attribute.ref_attr_name().empty())
      complain(ErrorCode::unsupported,
               fmt::format("takes its attribute '{}' from a function", attribute.name()));
  }
}

void check_opset(std::int64_t version, const std::string& file) {
  constexpr std::int64_t kNewest = 27;  // ONNX 1.22
  if (version < 1)
    throw Error(ErrorCode::corrupt_file,
                fmt::format("{} asks for the operator set {}, which does not exist", file, version));
  if (version > kNewest)
    throw Error(
        ErrorCode::unsupported,
        fmt::format("{} asks for the operator set {}; those up to {} are known", file, version, kNewest));
}

}  // namespace lowbit::onnx_import
