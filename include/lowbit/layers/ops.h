// SPDX-License-Identifier: Apache-2.0
// The operators of a graph, as plain structs of attributes and trained weights. Each has its own header with
// the struct and the functions that every operator provides:
//
// clang-format off
//   Shape infer_shape(const Op&, std::span<const Shape> inputs)   sample shapes; throws Error
//   std::unique_ptr<Step> make_step(const Op&, const StepSpec&)   throws Error(unsupported) if types do not fit;
//                                                                 the operator must outlive the step
//   static constexpr std::string_view kName                       name in files: "Conv2d"
//   static constexpr Arithmetic kArithmetic                       what it does with u8 values
//   template <class V> void visit_fields(V&&)                     serialization: names and members, in order
// clang-format on
//
// Op is the closed sum of them; docs/adding.md lists what to touch when one is added.
#pragma once

#include <string_view>
#include <variant>

#include "lowbit/core/element_type.h"
#include "lowbit/layers/add.h"
#include "lowbit/layers/array_op.h"
#include "lowbit/layers/attention.h"
#include "lowbit/layers/binary_op.h"
#include "lowbit/layers/concat.h"
#include "lowbit/layers/conv2d.h"
#include "lowbit/layers/embedding.h"
#include "lowbit/layers/function.h"
#include "lowbit/layers/layer_norm.h"
#include "lowbit/layers/linear_op.h"
#include "lowbit/layers/lrn.h"
#include "lowbit/layers/matmul.h"
#include "lowbit/layers/pointwise.h"
#include "lowbit/layers/pool.h"
#include "lowbit/layers/recurrent.h"
#include "lowbit/layers/reduce.h"
#include "lowbit/layers/reshape.h"
#include "lowbit/layers/softmax.h"
#include "lowbit/layers/transpose.h"

namespace lowbit::ops {

using Op = std::variant<Conv2dOp, LinearOp, AddOp, ConcatOp, ClampOp, ScaleShiftOp, QuantizeOp, DequantizeOp,
                        MaxPoolOp, AveragePoolOp, GlobalAveragePoolOp, FlattenOp, ReshapeOp, PadOp, SliceOp,
                        SoftmaxOp, FunctionOp, BinaryOp, ReduceOp, TransposeOp, LrnOp, MatMulOp, ArrayOp,
                        LayerNormOp, AttentionOp, EmbeddingOp, RecurrentOp>;

std::string_view op_name(const Op& op);
/// For people: of an Array the name that ONNX has for it.
std::string_view shown_name(const Op& op);
Arithmetic op_arithmetic(const Op& op);
Shape infer_shape(const Op& op, std::span<const Shape> inputs);
std::unique_ptr<Step> make_step(const Op& op, const StepSpec& spec);
/// Of what it computes: f32, but for Array.
ElementType result_element(const Op& op);
/// Whether it reads its input `i` as f32 even where it computes on codes: the mask of Attention.
bool reads_reals(const Op& op, std::size_t i);
/// Whether it multiplies by a weight matrix, its member `weight`: Conv2d and Linear do.
bool has_weights(const Op& op);

}  // namespace lowbit::ops
