// SPDX-License-Identifier: Apache-2.0
// GraphTape: runs the nodes of a float graph forward and backward, over memory that it plans once. What the
// nodes are is for its maker to say: those of a network (Tape), or of a part of one (block reconstruction).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "lowbit/core/aligned_bytes.h"
#include "lowbit/core/view.h"
#include "lowbit/model/graph.h"
#include "lowbit/runtime/executor.h"
#include "train/tape_node.h"
#include "train/tape_plan.h"

namespace lowbit::train {

class GraphTape {
 public:
  /// Makes node n of the graph. `spec` has its name, types, batch, concurrency and instruction set.
  using MakeNode = std::function<std::unique_ptr<TapeNode>(std::size_t n, NodeSpec& spec)>;

  /// `types`: one per value, f32 but for integers. Takes all memory that it needs.
  GraphTape(Graph graph, std::vector<ValueType> types, std::int64_t batch, std::shared_ptr<Executor> executor,
            bool input_gradients, const MakeNode& make);

  /// Throws as Tape::forward.
  void run(std::span<const TensorView> inputs, Pass pass);
  /// Throws as Tape::backward.
  void backward();

  /// Of the last batch: samples x the value's shape.
  TensorView value(std::size_t v) const;
  TensorView output(std::size_t i = 0) const { return value(index(graph_.outputs.at(i))); }
  MutableTensorView output_gradient(std::size_t i = 0);
  /// Of an input; its data is null where there is none.
  TensorView input_gradient(std::size_t i) const;

  const Graph& graph() const { return graph_; }
  const std::vector<ValueType>& types() const { return types_; }
  std::span<const std::unique_ptr<TapeNode>> nodes() const { return nodes_; }
  std::span<const Parameter> parameters() const { return parameters_; }
  std::span<const TrainingState> states() const { return states_; }
  std::size_t bytes() const;

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  void make_nodes(const MakeNode& make, bool input_gradients);
  void take_memory();
  std::int64_t check_inputs(std::span<const TensorView> inputs) const;

  Graph graph_;
  std::vector<ValueType> types_;
  std::int64_t largest_ = 0;  ///< batch
  std::shared_ptr<Executor> executor_;
  std::vector<std::unique_ptr<TapeNode>> nodes_;
  std::vector<Parameter> parameters_;
  std::vector<TrainingState> states_;
  TapePlan plan_;
  AlignedBytes value_memory_, gradient_memory_, scratch_;
  std::size_t value_bytes_ = 0, scratch_bytes_ = 0;
  std::vector<ops::TensorArg> values_, gradients_;   ///< per value; null where there is no gradient
  std::vector<std::vector<ops::TensorArg>> inputs_;  ///< per node
  std::vector<std::vector<InputGradient>> writes_;   ///< per node
  std::int64_t batch_ = 0;                           ///< of the last pass
  bool is_ready_ = false;                            ///< for a backward pass
};

}  // namespace lowbit::train
