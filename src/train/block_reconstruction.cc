// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/block_reconstruction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "layers/weight_of.h"
#include "lowbit/core/error.h"
#include "model/node_schemes.h"
#include "recover/index.h"
#include "recover/layer_plan.h"
#include "recover/output_judge.h"
#include "recover/recovery_samples.h"
#include "recover/recovery_steps.h"
#include "recover/rewrite_network.h"
#include "train/block_parts.h"
#include "train/block_trainer.h"
#include "train/rounded_weights.h"
#include "train/trained_codes.h"

namespace lowbit {
namespace {

using detail::index;
using detail::LayerPlan;
using train::Block;
using train::BlockData;
using train::GraphTape;
using train::SampleValues;

/// A recovered model, block after block.
class Reconstruction {
 public:
  Reconstruction(const Model& fp32, const Model& quantized, std::vector<LayerPlan> layers,
                 const BlockReconstruction& how)
      : fp32_(fp32),
        quantized_(quantized),
        data_(quantized.complete_data()),
        layers_(std::move(layers)),
        how_(how),
        graph_(train::quantized_graph(fp32, quantized)),
        blocks_(train::cut_blocks(fp32, quantized, graph_)),
        executor_(make_thread_pool(how.before.threads)) {
    for (std::size_t v = 0; v < fp32.graph().values.size(); ++v)
      fp32_types_.push_back(fp32.type(static_cast<int>(v)));
  }

  Model run(const detail::RecoverySamples& samples) {
    train::TrainedCodes codes(quantized_, graph_);
    const std::int64_t most = samples_that_fit();
    learned_ = first_data(samples.learned, most);
    held_out_ = first_data(samples.held_out, std::max<std::int64_t>(1, most / how_.before.held_out_every));
    const detail::RecoveryClock::time_point start = detail::RecoveryClock::now();
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      run_block(blocks_[b], codes);
      report_progress(b + 1, detail::seconds_since(start));
    }
    return std::move(codes).model();
  }

  std::size_t blocks() const { return blocks_.size(); }
  std::size_t blocks_kept() const { return kept_; }

 private:
  /// Of each sample there are the input of a block, twice, and its output, twice.
  std::int64_t samples_that_fit() const {
    std::size_t largest = 1;
    for (const Block& b : blocks_)
      largest = std::max({largest, fp32_types_[index(b.fp32.input)].sample_bytes(),
                          fp32_types_[index(b.fp32.output)].sample_bytes()});
    return std::max<std::int64_t>(8, static_cast<std::int64_t>(how_.before.kept_bytes / (4 * largest)));
  }

  BlockData first_data(const SampleSet& samples, std::int64_t most) const {
    BlockData data;
    const ValueType& type = fp32_types_[index(blocks_.front().fp32.input)];
    // A copy by a tape that does nothing: samples come channels first.
    Graph graph;
    graph.inputs = graph.outputs = {graph.add_value("input", type.shape)};
    GraphTape copy(std::move(graph), {type}, 1, executor_, false, {});
    const std::int64_t count = std::min(samples.count, most);
    data.inputs = SampleValues(type, count);
    for (std::int64_t i = 0; i < count; ++i) {
      const arrays::ArrayView array = samples.views(i, 1)[0];
      const TensorView view(array.floats, array.type.shape);
      copy.run(std::span(&view, 1), train::Pass::inference);
      data.inputs.append(copy.output());
    }
    data.original_inputs = data.inputs;
    return data;
  }

  void run_block(const Block& block, train::TrainedCodes& codes) {
    train::PartGraph floats = part_graph(fp32_.graph(), fp32_types_, block.fp32);
    const Graph float_nodes = floats.graph;
    GraphTape original(std::move(floats.graph), std::move(floats.types), how_.batch, executor_, false,
                       [&](std::size_t n, train::NodeSpec& spec) {
                         return train::make_tape_node(float_nodes.nodes[n].op, spec);
                       });
    for (BlockData* data : {&learned_, &held_out_})
      data->targets = run_samples(original, data->original_inputs, how_.batch);
    rounded_.clear();
    train::PartGraph part = part_graph(graph_.graph, graph_.types, block.quantized);
    GraphTape tape(
        std::move(part.graph), std::move(part.types), how_.batch, executor_, false,
        [&](std::size_t n, train::NodeSpec& spec) { return make_node(block.quantized.first + n, spec); });
    train::BlockTrainer trainer(tape, rounded_, how_);
    kept_ += trainer.train(learned_, held_out_);
    for (std::size_t n = block.quantized.first; n < block.quantized.last; ++n)
      codes.take(n, *tape.nodes()[n - block.quantized.first]);
    for (BlockData* data : {&learned_, &held_out_}) {
      data->inputs = run_samples(tape, data->inputs, how_.batch);
      data->original_inputs = std::move(data->targets);
    }
  }

  std::unique_ptr<train::TapeNode> make_node(std::size_t n, train::NodeSpec& spec) {
    const Graph::Node& node = graph_.graph.nodes[n];
    if (graph_.signs[n].layer >= 0)
      throw Error(ErrorCode::unsupported,
                  fmt::format("block reconstruction: \"{}\" reads signs, which have nothing to be rounded to",
                              quantized_.graph().nodes[index(graph_.signs[n].layer)].name));
    if (std::holds_alternative<ops::QuantizeOp>(node.op)) return train::make_rounding(graph_, n, spec);
    const int to = graph_.nodes[n];
    if (to >= 0 && data_.nodes[index(to)].weights) {
      spec.scheme = &data_.nodes[index(to)].scheme;
      const LayerPlan& layer = plan_of(node.name);
      const Tensor* weight = ops::weight_of(node.op);
      spec.quantizer = std::make_shared<train::RoundedWeights>(
          WeightGrid(*data_.nodes[index(to)].weights, *layer.quantizer), *weight, !layer.untouched.empty());
      rounded_.push_back(node.name + ".weight");
    }
    return train::make_tape_node(node.op, spec);
  }

  const LayerPlan& plan_of(const std::string& name) const {
    for (const LayerPlan& layer : layers_)
      if (layer.name == name && layer.multiplies()) return layer;
    throw Error(ErrorCode::unsupported,
                fmt::format("\"{}\" is not multiplied by: its block cannot be reconstructed", name));
  }

  void report_progress(std::size_t done, double seconds) const {
    if (!how_.before.progress) return;
    const double left = seconds * static_cast<double>(blocks_.size() - done) / static_cast<double>(done);
    if (!how_.before.progress({done, blocks_.size(), seconds, left}))
      throw Error(ErrorCode::cancelled,
                  fmt::format("the reconstruction was cancelled after block {} of {}", done, blocks_.size()));
  }

  const Model &fp32_, &quantized_;
  const detail::ModelData data_;  ///< of the quantized model, codes included
  const std::vector<LayerPlan> layers_;
  const BlockReconstruction& how_;
  const train::QuantizedGraph graph_;
  const std::vector<Block> blocks_;
  std::shared_ptr<Executor> executor_;
  std::vector<ValueType> fp32_types_;
  BlockData learned_, held_out_;
  std::vector<std::string> rounded_;  ///< parameters of the block at hand, of weights that are codes
  std::size_t kept_ = 0;
};

void check(const BlockReconstruction& o) {
  const bool good = o.iterations >= 1 && o.batch >= 1 && o.rate > 0 && std::isfinite(o.rate) &&
                    o.other_rate >= 0 && std::isfinite(o.other_rate) && o.original_inputs >= 0 &&
                    o.original_inputs <= 1;
  if (!good)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("block reconstruction takes at least one step and sample, a rate above 0 and a "
                            "part of original inputs from 0 to 1; not {}, {}, {} and {}",
                            o.iterations, o.batch, o.rate, o.original_inputs));
}

RecoveredModel reconstructed(const BlockReconstruction& how, const Model& given,
                             const CalibrationTable* given_table, const QuantizeOptions& options) {
  RecoveryReport report;
  RecoverOptions first = how.before;
  first.report = &report;
  RecoveredModel result = recover(std::move(first))(given, given_table, options);
  if (!result.model.is_quantized()) return result;
  const Model fp32 = result.network ? result.network->fp32 : given;
  const CalibrationTable* table =
      result.network && result.network->table ? &*result.network->table : given_table;
  const detail::RecoveryClock::time_point start = detail::RecoveryClock::now();
  RecoverOptions all = how.before;
  all.samples = how.samples;
  const detail::RecoverySamples samples(fp32, table, all);
  const detail::OutputJudge judge(fp32, samples, how.before.threads);
  const std::vector<Scheme> schemes =
      detail::schemes_of(fp32.graph(), given.graph(), node_schemes(given.graph(), options));
  RecoveryReport::Step said{.name = "brecq", .sqnr_before = judge.sqnr(result.model)};
  Reconstruction reconstruction(fp32, result.model,
                                detail::plan_layers(fp32.graph(), schemes, options.weights), how);
  Model model = reconstruction.run(samples);
  said.sqnr_after = judge.sqnr(model);
  said.kept = said.sqnr_after > said.sqnr_before;
  said.note = fmt::format("{} of {} blocks better", reconstruction.blocks_kept(), reconstruction.blocks());
  said.seconds = detail::seconds_since(start);
  report.seconds += said.seconds;
  if (said.kept) {
    report.sqnr_after = said.sqnr_after;
    result.model = std::move(model);
  }
  report.network.push_back(std::move(said));
  if (how.before.report) *how.before.report = std::move(report);
  return result;
}

}  // namespace

Recovery reconstruct_blocks(BlockReconstruction how) {
  check(how);
  return [how = std::move(how)](const Model& fp32, const CalibrationTable* table,
                                const QuantizeOptions& options) {
    return reconstructed(how, fp32, table, options);
  };
}

}  // namespace lowbit
