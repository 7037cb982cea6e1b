// SPDX-License-Identifier: Apache-2.0
// NodeContext: one ONNX node, as its converter sees it: inputs that are values or constants, attributes with
// defaults, and how to give the result.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/onnx/constant.h"
#include "io/onnx/importer.h"

namespace lowbit::onnx_import {

class NodeContext {
 public:
  /// Throws Error(corrupt_file) when an input is not defined by anything before the node.
  NodeContext(Importer& importer, const onnx::NodeProto& node);

  /// How the node is converted in a graph that is imported whole: as if some of its inputs were others, and
  /// its result had another shape.
  struct Frame {
    std::vector<std::optional<ValueId>> substitutes{};  ///< of the inputs
    std::vector<std::int64_t> prefix{};                 ///< dimensions of the result before those it has
    int dropped = 0;                                    ///< how many of its own first ones are left out
  };
  void set_frame(const Frame* frame) { frame_ = frame; }
  /// Whether `name` are codes between QuantizeLinear and DequantizeLinear that nothing else reads.
  bool is_between_pair(const std::string& name) const { return importer_.is_between_pair(name); }
  /// Says how the value of input i is quantized.
  void note_value(int i, const QParams& qparams);
  /// The same of the node's first output.
  void note_output(const QParams& qparams) { importer_.codes().note_value(node_.output(0), qparams); }
  /// What computes the value of input i, before reshapes; null for an input of the graph.
  const ops::Op* producer(int i) const;
  /// Says, before the product is emitted, that constant i is its weights, rows along `row_axis`: where the
  /// constant stands for codes, so do they.
  void note_weights(int i, int row_axis);
  void note_weights(const WeightCodes& codes) { weight_codes_ = codes; }

  /// Whether samples are matrices whose rows are what the ONNX node takes for a batch.
  bool reads_rows() const { return frame_ && frame_->dropped == 1; }

  std::int64_t opset() const { return importer_.opset(); }
  std::int64_t fixed_batch() const { return frame_ ? 1 : importer_.fixed_batch(); }
  const onnx::NodeProto& proto() const { return node_; }
  const std::string& name() const { return name_; }

  int input_count() const { return node_.input_size(); }
  /// False for an optional input that is left out.
  bool has_input(int i) const { return i < node_.input_size() && !node_.input(i).empty(); }
  bool is_constant(int i) const;
  /// Throws Error(unsupported) unless input i is a constant.
  const Constant& constant(int i) const;
  /// Null where the input is left out.
  const Constant* optional_constant(int i) const;
  /// A constant vector (or scalar) of integers.
  std::vector<std::int64_t> integers(int i) const;
  /// Throws Error(unsupported) unless input i is computed from the model's inputs.
  ValueId value(int i) const;
  /// As value(i), with the batch at any dimension: batch_axis(i). For operators that know what that means.
  ValueId moved_value(int i) const;
  int batch_axis(int i) const { return importer_.batch_axis(moved_value(i)); }
  /// Sample shape of moved_value(i).
  Shape shape(int i) const;
  Shape shape_of(ValueId id) const { return importer_.graph().values[static_cast<std::size_t>(id)].shape; }

  bool has_attribute(std::string_view name) const { return find_attribute(name) != nullptr; }
  std::int64_t int_attribute(std::string_view name, std::int64_t otherwise) const;
  float float_attribute(std::string_view name, float otherwise) const;
  std::string string_attribute(std::string_view name, std::string otherwise) const;
  std::vector<std::int64_t> ints_attribute(std::string_view name, std::vector<std::int64_t> otherwise) const;
  const onnx::AttributeProto* find_attribute(std::string_view name) const;

  /// A node of the graph whose output is the ONNX node's first output.
  void emit(ops::Op op, std::vector<ValueId> inputs, int batch_axis = 0);
  /// A node in between, when one ONNX operator takes several.
  ValueId emit_inner(std::string_view suffix, ops::Op op, std::vector<ValueId> inputs);
  void emit_constant(Constant constant);
  /// The first output is the same as input i.
  void emit_alias(int i);
  /// The same with the batch elsewhere.
  void emit_moved_alias(int i, int batch_axis);
  Constant read(const onnx::TensorProto& tensor) const { return importer_.read(tensor); }

  /// Throws Error(unsupported): "net.onnx: node 'n' (Conv) <form>".
  [[noreturn]] void refuse(const std::string& form) const;
  /// The same with Error(corrupt_file): the node contradicts the ONNX standard.
  [[noreturn]] void reject(const std::string& what) const;

 private:
  const Importer::Entry& input(int i) const;
  /// The result `output` in the shape that the frame says, as the node's first output.
  void define_in_frame(ValueId output);

  Importer& importer_;
  const onnx::NodeProto& node_;
  std::string name_;
  const Frame* frame_ = nullptr;
  std::optional<WeightCodes> weight_codes_{};  ///< of the product that comes next
};

/// `axis` counted from the end where negative; rejects what is outside of `rank` dimensions.
std::int64_t normalized_axis(const NodeContext& node, std::int64_t axis, std::int64_t rank);

/// A sample's axis that holds channels in memory: C of C x H x W, the last one otherwise.
inline int channel_axis(const Shape& sample) {
  return sample.rank() == 3 ? 0 : sample.rank() - 1;
}

}  // namespace lowbit::onnx_import
