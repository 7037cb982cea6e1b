// SPDX-License-Identifier: Apache-2.0
// Model: an immutable network, fp32 or quantized; copying it copies a pointer. `run` executes it with a
// Workspace.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/core/array.h"
#include "lowbit/core/scheme.h"
#include "lowbit/model/graph.h"
#include "lowbit/quant/quantized_matrix.h"

namespace lowbit {

/// How one node of a model is quantized.
struct NodeQuantization {
  Scheme scheme{};  ///< of its arithmetic; fp32 where it runs in floats
  std::optional<QuantizedMatrix>
      weights{};           ///< Conv2d, Linear: rows are output channels, columns (tap, channel). In a Model
                           ///< some lack their codes, which are packed for a kernel: see Model::weights
  std::string fallback{};  ///< why the node stayed fp32 although the scheme asked for less; else empty
  /// Whose codes the weights are where they are not the scheme's: LayerWeights::label; else empty. The scheme
  /// says how activations run all the same.
  std::string weights_label{};

  /// For reports: "int8"; "int8 (weights: own quantizer)".
  std::string name() const;
};

namespace detail {
/// What a Model is made of, and all that a .lowbit file holds. The fp32 weights of quantized nodes are
/// dropped (their Tensor keeps its shape and no data).
struct ModelData {
  Graph graph;
  std::vector<ValueType> types;         ///< one per value
  std::vector<NodeQuantization> nodes;  ///< one per node
  std::string scheme = "fp32";          ///< as asked for
  std::string source;                   ///< file name it was made from, for reports
};
struct CompiledModel;
}  // namespace detail

/// Safe to share between threads; a moved-from Model may only be assigned or destroyed.
class Model {
 public:
  /// Compiles `data` for this machine: selects kernels, packs weights. Throws Error for a graph that does not
  /// fit.
  explicit Model(detail::ModelData data);
  /// An fp32 model; `source` as in ModelData.
  explicit Model(Graph graph, std::string source = {});

  const Graph& graph() const { return data().graph; }
  /// `id` and `node` below are indices into graph().values and graph().nodes, unchecked.
  const ValueType& type(ValueId id) const { return data().types[static_cast<std::size_t>(id)]; }
  const NodeQuantization& quantization(int node) const {
    return data().nodes[static_cast<std::size_t>(node)];
  }
  /// The weights of node `i` with their codes: where these lie only in the form that a kernel wants
  /// (weight-only layers), they are brought back from it. Empty where there are none.
  std::optional<QuantizedMatrix> weights(int node) const;
  /// QuantizedMatrix::stored_bytes of them; 0 where there are none.
  std::size_t weight_bytes(int node) const;
  const std::string& scheme() const { return data().scheme; }
  bool is_quantized() const { return data().scheme != "fp32"; }

  std::size_t input_count() const { return graph().inputs.size(); }
  std::size_t output_count() const { return graph().outputs.size(); }
  /// Sample shape, without the batch. Throws std::out_of_range, as kernel() does.
  /// With open dimensions at their highest sizes.
  const Shape& input_shape(std::size_t i = 0) const;
  const Shape& output_shape(std::size_t i = 0) const;
  /// Of samples of all outputs, for inputs of these shapes, with a batch in front or without. Throws
  /// Error(shape_mismatch) where open dimensions do not fit.
  std::vector<Shape> output_shapes(std::span<const Shape> inputs) const;

  /// Weights, biases and scales in bytes, without names and structure; see QuantizedMatrix::stored_bytes.
  std::size_t stored_bytes() const;
  /// Mean over all weights of Conv2d and Linear nodes, scales included; 32 for fp32.
  double bits_per_weight() const;
  /// "s8/avx512vnni", "eigen/avx512", "" ...: what runs node `i` on this machine.
  std::string kernel(int node) const;
  /// What packing the weights of node `i` for that kernel found out; all zero where there is nothing to
  /// report.
  PackReport pack_report(int node) const;

  const detail::ModelData& data() const;
  /// A copy that lacks no codes, as files have them.
  detail::ModelData complete_data() const;
  const detail::CompiledModel& compiled() const { return *compiled_; }

 private:
  std::shared_ptr<const detail::CompiledModel> compiled_;
};

struct WorkspaceOptions {
  std::int64_t batch = 1;                ///< the largest batch that run() will get
  int threads = 1;                       ///< including the caller's
  std::shared_ptr<Executor> executor{};  ///< the caller's own; overrides `threads`
  /// The largest sizes of open dimensions, by name, that run() will get; else all that the model takes.
  std::vector<std::pair<std::string, std::int64_t>> sizes{};
};

/// The memory that running a model takes. One per concurrent run; may be reused for any number of runs. Keeps
/// the model alive. A moved-from Workspace may only be assigned or destroyed.
class Workspace {
 public:
  /// Throws Error(invalid_argument) for a batch below 1, a dimension that is not open, or an impossible
  /// number of threads; Error(shape_mismatch) for sizes outside of the model's limits.
  explicit Workspace(const Model& model, const WorkspaceOptions& options = {});
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;
  ~Workspace();

  std::int64_t batch() const;
  std::size_t bytes() const;

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

/// Runs the model on a batch: `in` is batch x input shape, `out` batch x output shape, both with any strides.
/// Matrices are one sample per column, as in Eigen. Where dimensions are open, the shapes of the inputs say
/// their sizes. Allocates nothing, but at sizes that are none of the last 32 that the workspace has seen;
/// with one thread takes no lock; with valid arguments throws nothing. Throws Error(shape_mismatch) before
/// anything is written when a shape does not fit, Error(invalid_argument) when the workspace was made for
/// another model or a smaller batch.
void run(const Model& model, const TensorView& in, const MutableTensorView& out, Workspace& workspace);
/// Several inputs or outputs, in the order of the graph. Inputs of integers take the nearest ones, outputs of
/// integers become floats. A tensor of exactly the shape of a sample is a batch of one.
void run(const Model& model, std::span<const TensorView> in, std::span<const MutableTensorView> out,
         Workspace& workspace);
/// The same with dense arrays: integers (token ids, lengths) as they are. Throws Error(unsupported) for an
/// array of floats where the model has integers, or the other way round.
void run(const Model& model, std::span<const arrays::ArrayView> in,
         std::span<const arrays::MutableArrayView> out, Workspace& workspace);
/// Arrays in, floats out, integers among them too.
void run(const Model& model, std::span<const arrays::ArrayView> in, std::span<const MutableTensorView> out,
         Workspace& workspace);

}  // namespace lowbit
