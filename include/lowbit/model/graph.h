// SPDX-License-Identifier: Apache-2.0
// Graph: a network as values and nodes, as the importer builds it and the passes rewrite it. Shapes are those
// of one sample; the batch is never part of the graph.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/layers/ops.h"
#include "lowbit/model/open_shapes.h"

namespace lowbit {

using ValueId = int;

/// Nodes stand in an order in which every input is computed before it is used.
struct Graph {
  /// A tensor that flows between nodes.
  struct Value {
    std::string name;
    Shape shape;  ///< of one sample; set by infer_shapes for everything but the inputs
    ElementType element = ElementType::f32;
  };

  /// One operator. Exactly one output.
  struct Node {
    std::string name;
    ops::Op op;
    std::vector<ValueId> inputs;
    ValueId output = -1;
    std::vector<FieldRule> rules{};  ///< what of `op` depends on the sizes of open dimensions
  };

  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs, outputs;
  /// False where the tensors of the file have no batch that could be any number: then a sample is all of
  /// them, and runs alone.
  bool has_batch = true;
  /// Dimensions whose sizes inputs say; everything here is what it is at the highest ones.
  std::vector<OpenDimension> open{};
  /// Where there are open dimensions, a list for each input with a rule for each axis of its shape.
  std::vector<std::vector<SizeRule>> input_rules{};

  /// Adds a value and returns its id.
  ValueId add_value(std::string name, Shape shape = {});
  /// Adds a node with a new output value of the same name; its shape is inferred from the inputs' shapes.
  ValueId add_node(std::string name, ops::Op op, std::vector<ValueId> node_inputs);
  /// The node that computes `value`, or -1 for an input.
  int producer(ValueId value) const;
  /// The nodes that read `value`, in order; once per use.
  std::vector<int> consumers(ValueId value) const;
  bool is_output(ValueId value) const;
};

/// Sets the shape of every computed value. Throws Error(shape_mismatch) naming the node.
void infer_shapes(Graph& graph);
/// Throws Error(invalid_argument) when ids are out of range, an input is used before it is computed, or a
/// value is computed twice.
void validate(const Graph& graph);
/// The graph at these sizes of its open dimensions, without any. Throws Error(shape_mismatch) for sizes
/// outside of the limits.
Graph graph_at(const Graph& graph, std::span<const std::int64_t> sizes);
/// Removes nodes whose outputs nobody reads and renumbers values.
void remove_dead_nodes(Graph& graph);

/// Folds ScaleShift (BatchNormalization, constant arithmetic) into Conv2d and Linear, fuses activations into
/// the node before them, additions into the convolution before them, x * sigmoid(x) and the like into one
/// function, and Flatten into Linear. Outputs keep their names and values, up to rounding.
void fuse(Graph& graph);

}  // namespace lowbit
