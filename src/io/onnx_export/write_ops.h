// SPDX-License-Identifier: Apache-2.0
// What each operator of lowbit becomes in ONNX: an overload for each alternative of ops::Op.
#pragma once

#include "io/onnx_export/graph_writer.h"

namespace lowbit::onnx_export {

/// `number` is that of the node in the graph.
void write_node(GraphWriter& w, const Graph::Node& node, int number);

struct NodeOf {
  const Graph::Node& node;
  int number;
};

void write(GraphWriter& w, NodeOf n, const ops::Conv2dOp& op);
void write(GraphWriter& w, NodeOf n, const ops::LinearOp& op);
void write(GraphWriter& w, NodeOf n, const ops::MatMulOp& op);
void write(GraphWriter& w, NodeOf n, const ops::AttentionOp& op);
void write(GraphWriter& w, NodeOf n, const ops::RecurrentOp& op);
void write(GraphWriter& w, NodeOf n, const ops::EmbeddingOp& op);
void write(GraphWriter& w, NodeOf n, const ops::AddOp& op);
void write(GraphWriter& w, NodeOf n, const ops::BinaryOp& op);
void write(GraphWriter& w, NodeOf n, const ops::ScaleShiftOp& op);
void write(GraphWriter& w, NodeOf n, const ops::ClampOp& op);
void write(GraphWriter& w, NodeOf n, const ops::FunctionOp& op);
void write(GraphWriter& w, NodeOf n, const ops::QuantizeOp& op);
void write(GraphWriter& w, NodeOf n, const ops::DequantizeOp& op);
void write(GraphWriter& w, NodeOf n, const ops::MaxPoolOp& op);
void write(GraphWriter& w, NodeOf n, const ops::AveragePoolOp& op);
void write(GraphWriter& w, NodeOf n, const ops::GlobalAveragePoolOp& op);
void write(GraphWriter& w, NodeOf n, const ops::LrnOp& op);
void write(GraphWriter& w, NodeOf n, const ops::LayerNormOp& op);
void write(GraphWriter& w, NodeOf n, const ops::SoftmaxOp& op);
void write(GraphWriter& w, NodeOf n, const ops::ReduceOp& op);
void write(GraphWriter& w, NodeOf n, const ops::ConcatOp& op);
void write(GraphWriter& w, NodeOf n, const ops::FlattenOp& op);
void write(GraphWriter& w, NodeOf n, const ops::ReshapeOp& op);
void write(GraphWriter& w, NodeOf n, const ops::PadOp& op);
void write(GraphWriter& w, NodeOf n, const ops::SliceOp& op);
void write(GraphWriter& w, NodeOf n, const ops::TransposeOp& op);
void write(GraphWriter& w, NodeOf n, const ops::ArrayOp& op);

}  // namespace lowbit::onnx_export
