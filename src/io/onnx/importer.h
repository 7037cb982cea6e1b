// Importer: the state while an ONNX graph is turned into a lowbit::Graph: what each name stands for (a value
// of the graph or a constant), and the file's version. Converters see it through NodeContext.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>

#include "io/onnx/constant.h"
#include "io/onnx/initializers.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/graph.h"

namespace lowbit::onnx_import {

/// Throws as load_onnx does. `file` is its name for messages, `folder` where external data may lie.
Graph import_model(const ByteSource& source, const std::string& file, const std::string& folder,
                   const OnnxOptions& options);

class Importer {
 public:
  /// `model` is the outline of the file that `files` knows. Both must outlive it, and so must `options`.
  Importer(const onnx::ModelProto& model, const TensorFiles& files, const OnnxOptions& options);
  Graph run();

  const std::string& file() const { return files_.name; }
  std::int64_t opset() const { return opset_; }
  Graph& graph() { return graph_; }
  /// The batch size that the file fixes, or -1.
  std::int64_t fixed_batch() const { return fixed_batch_; }

  using Entry = std::variant<ValueId, ConstantPtr>;
  /// What `name` stands for; initializers are read when they are first asked for. Null when nothing defines
  /// it.
  const Entry* find(const std::string& name);
  void define(const std::string& name, Entry entry);
  /// Where the batch stands among the dimensions that the file gives a value: 0 unless a Transpose has moved
  /// it. In a graph it is no dimension.
  int batch_axis(ValueId value) const;
  void set_batch_axis(ValueId value, int axis) { batch_axes_[value] = axis; }
  /// `wanted`, with a number behind it when a node of that name exists.
  std::string unique_node_name(const std::string& wanted);
  Constant read(const onnx::TensorProto& tensor) const { return read_tensor(tensor, files_); }
  /// True for a further output of a node (a Dropout's mask), which is not computed.
  bool is_side_output(const std::string& name) const { return side_outputs_.contains(name); }

 private:
  void require_supported() const;
  void collect_initializers();
  void add_inputs();
  void add_input(const onnx::ValueInfoProto& input);
  /// What the caller says of an input; null: nothing.
  const Shape* given_shape(const std::string& input) const;
  void check_given_shapes() const;
  void add_outputs();

  const onnx::ModelProto& model_;
  const TensorFiles& files_;
  const OnnxOptions& options_;
  std::int64_t opset_ = 1, fixed_batch_ = -1;
  Graph graph_;
  std::unordered_map<std::string, const onnx::TensorProto*> initializers_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<ValueId, int> batch_axes_;  ///< of those where it is not 0
  std::set<std::string> node_names_, side_outputs_;
};

}  // namespace lowbit::onnx_import
