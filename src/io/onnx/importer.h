// SPDX-License-Identifier: Apache-2.0
// Importer: the state while an ONNX graph is turned into a lowbit::Graph: what each name stands for (a value
// of the graph or a constant), and the file's version. Converters see it through NodeContext.
//
// There are two ways to see a graph. In batches: the first dimension of every tensor is the batch, which is
// no part of a lowbit::Graph; what does not keep it is refused. Whole: tensors are what they are in the file,
// and a sample is all of them (convert_whole.h). A file is imported in batches if that can be, else whole.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "io/onnx/constant.h"
#include "io/onnx/file_codes.h"
#include "io/onnx/initializers.h"
#include "io/onnx/inline_functions.h"
#include "io/onnx/open_sizes.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/graph.h"

namespace lowbit::onnx_import {

struct ImportedModel {
  Graph graph;
  FileCodes codes;  ///< what the file says of codes
  OpenSizes open;   ///< which open dimensions inputs have
};

/// Throws as load_onnx does. `file` is its name for messages, `folder` where external data may lie. The graph
/// is the one at `sizes` of the open dimensions of `options`.
ImportedModel import_model(const ByteSource& source, const std::string& file, const std::string& folder,
                           const OnnxOptions& options, std::span<const std::int64_t> sizes = {});

class Importer {
 public:
  /// What is known of a file before its nodes are imported.
  struct Marks {
    std::set<std::string> dynamic;  ///< as rewrite_quantized() returns them
    std::set<std::string> pairs;    ///< as find_quantized_pairs() does
    NodeOpsets opsets;              ///< as inline_functions() does
  };
  /// `model` is the outline of the file that `files` knows. Both must outlive it, and so must `options` and
  /// `marks`.
  Importer(const onnx::ModelProto& model, const TensorFiles& files, const OnnxOptions& options,
           std::span<const std::int64_t> sizes, bool is_whole, const Marks& marks);
  ImportedModel run();
  /// How many nodes were imported, or -1 where some have no operator here: which of two failures says more.
  int progress() const { return progress_; }

  const std::string& file() const { return files_.name; }
  std::int64_t opset() const { return opset_; }  ///< of the node that is imported
  Graph& graph() { return graph_; }
  FileCodes& codes() { return codes_; }
  /// Whether the input of the node with this name is quantized at run time.
  bool is_dynamic(const std::string& node) const { return marks_.dynamic.contains(node); }
  bool is_between_pair(const std::string& name) const { return marks_.pairs.contains(name); }
  /// The batch size that the file fixes, or -1.
  std::int64_t fixed_batch() const { return fixed_batch_; }

  using Entry = std::variant<ValueId, ConstantPtr>;
  /// What `name` stands for; initializers are read when they are first asked for. Null when nothing defines
  /// it.
  const Entry* find(const std::string& name);
  void define(const std::string& name, Entry entry);
  /// Whether some node or the file itself reads `name`.
  bool is_used(const std::string& name) const { return used_names_.contains(name); }
  /// The nodes of a graph inside of the graph: their names are forgotten afterwards, but for the results,
  /// which are what `outputs` name there.
  std::vector<Entry> import_inner(const onnx::GraphProto& inner);
  /// The nodes and initializers of `body` as if they stood where the node is that is imported. `body` need
  /// not outlive the call. Throws Error(unsupported) where loops add too many.
  void import_in_place(const onnx::GraphProto& body);
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
  /// Throws Error(corrupt_file) where a value is not of the kind that the file says it is.
  void check_declared(const onnx::ValueInfoProto& value);
  void collect_used(const onnx::GraphProto& graph);
  void import_nodes(const onnx::GraphProto& graph);
  void collect_initializers(const onnx::GraphProto& graph);
  void add_inputs();
  void add_input(const onnx::ValueInfoProto& input);
  void add_whole_input(const onnx::ValueInfoProto& input);
  /// Whether the caller says what the elements of an input are: then it is a constant.
  bool add_fixed_input(const onnx::ValueInfoProto& input);
  /// What the caller says of an input; null: nothing.
  const Shape* given_shape(const std::string& input) const;
  void check_given_shapes() const;
  void add_outputs();

  const onnx::ModelProto& model_;
  const TensorFiles& files_;
  const OnnxOptions& options_;
  OpenSizes open_;
  std::int64_t opset_ = 1, fixed_batch_ = -1;
  Graph graph_;
  std::unordered_map<std::string, const onnx::TensorProto*> initializers_;
  using Names = std::unordered_map<std::string, Entry>;
  std::deque<Names> scopes_ =
      std::deque<Names>(1);  ///< of the graph, and of the graphs inside of it, innermost last
  std::unordered_map<ValueId, int> batch_axes_;  ///< of those where it is not 0
  std::set<std::string> node_names_, side_outputs_, used_names_;
  FileCodes codes_;
  bool is_whole_;
  const Marks& marks_;
  int progress_ = -1, nodes_in_place_ = 0;
};

}  // namespace lowbit::onnx_import
