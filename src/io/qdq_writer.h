// SPDX-License-Identifier: Apache-2.0
// QdqWriter: writes a graph of lowbit as an ONNX file in the form that ONNX Runtime's own quantizer produces
// and that its optimizer turns into integer operators (QLinearConv, QLinearAdd, QGemm ...). Without such a
// file the comparison would measure how a network was exported, not how fast the runtime is.
#pragma once

#include <onnx/onnx_pb.h>

#include <span>
#include <string>
#include <vector>

#include "lowbit/core/qparams.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/graph.h"

namespace lowbit::io {

/// Activations u8 asymmetric, weights s8 symmetric per output channel, biases s32 with scale input x weight:
/// any other scale of a bias keeps the layer in floats. The batch is fixed at one sample.
class QdqWriter {
 public:
  /// `graph` is unfused and without ScaleShift; `table` was found on it. Both are kept by reference.
  QdqWriter(const Graph& graph, const CalibrationTable& table);
  /// Throws Error(unsupported) naming the node that has no quantized form here.
  onnx::ModelProto write();

 private:
  void choose_types();
  void write_node(const Graph::Node& node);
  void write_op(const Graph::Node& node, const ops::Conv2dOp& op);
  void write_op(const Graph::Node& node, const ops::LinearOp& op);
  void write_op(const Graph::Node& node, const ops::AddOp& op);
  void write_op(const Graph::Node& node, const ops::ClampOp& op);
  void write_op(const Graph::Node& node, const ops::GlobalAveragePoolOp& op);
  void write_op(const Graph::Node& node, const ops::SliceOp& op);
  void write_op(const Graph::Node& node, const ops::PadOp& op);
  void write_op(const Graph::Node& node, const ops::FlattenOp& op);

  onnx::NodeProto& add_node(const std::string& type, const std::vector<std::string>& inputs,
                            const std::string& output);
  /// Adds the constant and returns its name.
  std::string add_ints(const std::string& name, std::span<const std::int64_t> values);
  std::string add_codes(const std::string& name, onnx::TensorProto::DataType type,
                        std::span<const std::int32_t> codes, const std::vector<std::int64_t>& dims);
  std::string add_floats(const std::string& name, std::span<const float> values, bool scalar);
  /// Float view of a quantized value, for one reader.
  std::string dequantized(ValueId value, const Graph::Node& reader);
  void dequantize(ValueId value, const std::string& name);
  void quantize(const std::string& from, ValueId value);
  /// [out][rest] as s8 codes (transposed for Gemm) and the bias; returns the names of their float views.
  struct Weights;
  Weights add_weights(const Graph::Node& node, const Tensor& weight, std::span<const float> bias,
                      bool transpose);

  const Graph& graph_;
  const CalibrationTable& table_;
  std::vector<QParams> qparams_;    // one per value
  std::vector<std::string> codes_;  // name of the u8 tensor of a value, once it is written
  onnx::ModelProto model_;
};

}  // namespace lowbit::io
