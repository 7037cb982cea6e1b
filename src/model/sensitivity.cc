// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/sensitivity.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <variant>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "lowbit/quant/error.h"
#include "lowbit/runtime/executor.h"
#include "model/copy_samples.h"
#include "model/output_scores.h"
#include "model/quantize_nodes.h"
#include "model/tasks.h"

namespace lowbit {
namespace {

constexpr std::int64_t kSamplesAtOnce = 16;

/// Tensors of one input, or an array an input.
using Batches = std::variant<std::span<const TensorView>, std::span<const std::vector<arrays::ArrayView>>>;

/// All samples, and what the fp32 model made of them.
class Samples {
 public:
  Samples(const Model& fp32, const Batches& batches, std::span<const std::int64_t> labels)
      : labels_(labels), classes_(fp32.output_shape().elements()) {
    std::visit(
        [&](const auto& all) {
          for (const auto& batch : all) cut(fp32, batch);
        },
        batches);
    if (count_ == 0) throw Error(ErrorCode::invalid_argument, "a sensitivity needs at least one sample");
    check_labels();
    reference_ = first_outputs(fp32);
  }

  std::int64_t count() const { return count_; }

  ModelScore score(const Model& model) const {
    const std::vector<float> outputs = first_outputs(model);
    ErrorAccumulator error;
    error.add(reference_.data(), outputs.data(), count_ * classes_);
    ModelScore score;
    score.sqnr_db = error.result().sqnr_db;
    std::int64_t correct = 0;
    const auto size = static_cast<std::size_t>(classes_);
    for (std::int64_t i = 0; i < count_; ++i) {
      const std::size_t at = static_cast<std::size_t>(i) * size;
      const std::int64_t best = argmax({outputs.data() + at, size});
      score.agree += best == argmax({reference_.data() + at, size});
      if (!labels_.empty()) correct += best == labels_[static_cast<std::size_t>(i)];
    }
    if (!labels_.empty()) score.correct = correct;
    return score;
  }

 private:
  struct Chunk {
    std::variant<TensorView, std::vector<arrays::ArrayView>> inputs;
    std::int64_t count;
  };

  void cut(const Model& fp32, const TensorView& batch) {
    check_one_input(fp32);
    cut(check_batch(batch.shape, fp32.input_shape(), "a batch"),
        [&](std::int64_t first, std::int64_t n) { return slice_batch(batch, first, n); });
  }
  void cut(const Model& fp32, const std::vector<arrays::ArrayView>& batch) {
    cut(check_inputs(fp32, batch),
        [&](std::int64_t first, std::int64_t n) { return slice_batch(fp32, batch, first, n); });
  }
  template <class Slice>
  void cut(std::int64_t count, Slice&& slice) {
    for (std::int64_t first = 0; first < count; first += kSamplesAtOnce) {
      const std::int64_t n = std::min(kSamplesAtOnce, count - first);
      chunks_.push_back({slice(first, n), n});
    }
    count_ += count;
  }

  void check_labels() const {
    if (labels_.empty()) return;
    if (static_cast<std::int64_t>(labels_.size()) != count_)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{} labels do not fit {} samples", labels_.size(), count_));
    for (const std::int64_t label : labels_)
      if (label < 0 || label >= classes_)
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("a sample has the label {}; the model has {} outputs", label, classes_));
  }

  std::vector<float> first_outputs(const Model& model) const {
    Workspace workspace(model, {.batch = kSamplesAtOnce});
    std::vector<float> first(static_cast<std::size_t>(count_ * classes_));
    std::vector<std::vector<float>> others;
    for (std::size_t o = 1; o < model.output_count(); ++o)
      others.emplace_back(static_cast<std::size_t>(kSamplesAtOnce * model.output_shape(o).elements()));
    float* to = first.data();
    for (const Chunk& chunk : chunks_) {
      const std::int64_t n = chunk.count;
      std::vector<MutableTensorView> outputs{{to, Shape{n, classes_}}};
      for (std::size_t o = 1; o < model.output_count(); ++o)
        outputs.emplace_back(others[o - 1].data(), Shape{n, model.output_shape(o).elements()});
      if (const auto* tensor = std::get_if<TensorView>(&chunk.inputs))
        run(model, std::span(tensor, 1), outputs, workspace);
      else
        run(model, std::get<1>(chunk.inputs), outputs, workspace);
      to += n * classes_;
    }
    return first;
  }

  std::span<const std::int64_t> labels_;
  std::int64_t classes_, count_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<float> reference_;
};

/// What all layers of a model become in one scheme, for models in which some of them are fp32 again.
struct SchemeWeights {
  Model fp32;  ///< as it was given, or in the form that a recovery gave it
  std::optional<CalibrationTable> own_table{};
  const CalibrationTable* given_table = nullptr;
  std::map<std::string, LayerWeights> layers{};
  RangePolicy ranges{};
  bool wide_sums = false;

  const CalibrationTable* table() const { return own_table ? &*own_table : given_table; }

  Model model(std::span<const Scheme> schemes) const {
    NodePolicies policies{.ranges = ranges, .wide_sums = wide_sums, .given_codes_label = {}};
    policies.weights = [this](const LayerContext& layer) { return layers.at(layer.name); };
    return quantize_nodes(fp32, table(), schemes, kMixedSchemes, policies);
  }

  /// Layers that have no codes yet get those of the scheme.
  void fill_in(const Scheme& scheme) {
    for (const Graph::Node& node : fp32.graph().nodes) {
      if (!ops::has_weights(node.op)) continue;
      LayerWeights& layer = layers[node.name];
      if (!layer.codes) layer.codes = quantize_weight_matrix(node.op, scheme);
    }
  }
};

SchemeWeights plain_weights(const Model& fp32, const CalibrationTable* table, const Scheme& scheme) {
  SchemeWeights weights{.fp32 = fp32, .given_table = table};
  weights.fill_in(scheme);
  return weights;
}

/// Takes codes and biases out of a recovered model, and what else was decided.
SchemeWeights recovered_weights(const Model& fp32, const CalibrationTable* table, const Scheme& scheme,
                                RecoveredModel recovered) {
  SchemeWeights weights{.fp32 = fp32, .given_table = table};
  if (recovered.network) {
    weights.fp32 = std::move(recovered.network->fp32);
    weights.own_table = std::move(recovered.network->table);
  }
  weights.ranges = std::move(recovered.ranges);
  weights.wide_sums = recovered.wide_sums;
  const std::vector<Graph::Node>& nodes = recovered.model.graph().nodes;
  // Products of signs stay as they are; their scales hold that of their inputs.
  for (std::size_t i = 0; scheme.activation_bits != 1 && i < nodes.size(); ++i) {
    std::optional<QuantizedMatrix> codes = recovered.model.weights(static_cast<int>(i));
    if (!codes) continue;
    LayerWeights& become = weights.layers[nodes[i].name];
    become.codes = std::move(codes);
    become.label = recovered.model.quantization(static_cast<int>(i)).weights_label;
    std::visit(
        [&](const auto& op) {
          if constexpr (requires { op.bias; }) become.bias = op.bias;
        },
        nodes[i].op);
  }
  weights.fill_in(scheme);
  return weights;
}

class Study {
 public:
  Study(const Model& fp32, const Batches& batches, const SensitivityOptions& options)
      : fp32_(fp32), options_(options), layers_(find_layers(fp32)), samples_(fp32, batches, options.labels) {
    if (options.schemes.empty()) throw Error(ErrorCode::invalid_argument, "a sensitivity needs a scheme");
    for (const Scheme& scheme : options.schemes) {
      require_built(scheme);
      if (std::find(schemes_.begin(), schemes_.end(), scheme) != schemes_.end()) continue;
      schemes_.push_back(scheme);
    }
    executor_ = make_thread_pool(options.threads);
  }

  Sensitivity run() {
    Sensitivity result;
    result.samples = samples_.count();
    result.fp32 = {"fp32", fp32_.stored_bytes(), samples_.score(fp32_)};
    result.schemes.resize(schemes_.size());
    for (const Scheme& scheme : schemes_) weights_.push_back(make_weights(scheme));
    run_tasks(*executor_, schemes_.size(), [&](std::size_t s) {
      const Model model = model_all_but(-1, s);
      result.schemes[s] = {schemes_[s], model.stored_bytes(), samples_.score(model)};
    });
    const int total = static_cast<int>(layers_.size()) + 1;
    int done = 0;
    report(++done, total);
    result.rows.resize(schemes_.size() * layers_.size());
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const auto row_of = [&](std::size_t s) -> LayerSensitivity& {
        return result.rows[s * layers_.size() + l];
      };
      std::vector<std::optional<Model>> only(schemes_.size());
      for (std::size_t s = 0; s < schemes_.size(); ++s) {
        row_of(s) = row(layers_[l], s);
        if (options_.recover) only[s] = model_only(layers_[l], s);  // has threads of its own
      }
      run_tasks(*executor_, 2 * schemes_.size(), [&](std::size_t task) {
        const std::size_t s = task / 2;
        if (task % 2 == 0)
          row_of(s).only = samples_.score(only[s] ? *only[s] : model_only(layers_[l], s));
        else
          row_of(s).all_but = samples_.score(model_all_but(layers_[l], s));
      });
      report(++done, total);
    }
    sort(result.rows);
    return result;
  }

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }

  static std::vector<int> find_layers(const Model& fp32) {
    if (fp32.is_quantized())
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("sensitivity needs an fp32 model, not one quantized to {}", fp32.scheme()));
    std::vector<int> layers;
    for (std::size_t i = 0; i < fp32.graph().nodes.size(); ++i)
      if (ops::has_weights(fp32.graph().nodes[i].op)) layers.push_back(static_cast<int>(i));
    if (layers.empty())
      throw Error(ErrorCode::invalid_argument, "the model has no layer with weights to quantize");
    return layers;
  }

  RecoveredModel recovered(const QuantizeOptions& options) const {
    return options_.recover(fp32_, options_.table, options);
  }

  SchemeWeights make_weights(const Scheme& scheme) const {
    if (!options_.recover) return plain_weights(fp32_, options_.table, scheme);
    return recovered_weights(fp32_, options_.table, scheme, recovered({.scheme = scheme}));
  }

  /// One layer in the scheme, everything else fp32.
  Model model_only(int layer, std::size_t s) const {
    const std::string& name = fp32_.graph().nodes[index(layer)].name;
    if (options_.recover) return recovered({.scheme = "fp32", .overrides = {{name, schemes_[s]}}}).model;
    return weights_[s].model(schemes_of(s, [&](const std::string& node) { return node == name; }));
  }

  /// A layer of fp32_, or none, in fp32, everything else in the scheme.
  Model model_all_but(int layer, std::size_t s) const {
    const std::string& name = layer < 0 ? std::string() : fp32_.graph().nodes[index(layer)].name;
    return weights_[s].model(
        schemes_of(s, [&](const std::string& node) { return layer < 0 || node != name; }));
  }

  /// Of the network as it is in scheme s, where `takes` says so of a node's name; else fp32.
  template <class Takes>
  std::vector<Scheme> schemes_of(std::size_t s, const Takes& takes) const {
    std::vector<Scheme> schemes;
    for (const Graph::Node& node : weights_[s].fp32.graph().nodes)
      schemes.push_back(takes(node.name) ? schemes_[s] : Scheme{});
    return schemes;
  }

  LayerSensitivity row(int layer, std::size_t s) const {
    const QuantizedMatrix& codes = *weights_[s].layers.at(fp32_.graph().nodes[index(layer)].name).codes;
    LayerSensitivity row;
    row.node = layer;
    row.layer = fp32_.graph().nodes[index(layer)].name;
    row.scheme = schemes_[s];
    row.weights = codes.rows * codes.cols;
    row.bytes = codes.stored_bytes();
    return row;
  }

  void report(int done, int total) const {
    if (options_.progress) options_.progress(done, total);
  }

  void sort(std::vector<LayerSensitivity>& rows) const {
    const auto layers = static_cast<std::ptrdiff_t>(layers_.size());
    for (auto first = rows.begin(); first != rows.end(); first += layers)
      std::stable_sort(first, first + layers, [](const LayerSensitivity& a, const LayerSensitivity& b) {
        return a.only.sqnr_db < b.only.sqnr_db;
      });
  }

  const Model& fp32_;
  const SensitivityOptions& options_;
  std::vector<int> layers_;
  Samples samples_;
  std::vector<Scheme> schemes_;
  std::vector<SchemeWeights> weights_;  ///< of each scheme; filled first, then shared
  std::shared_ptr<Executor> executor_;
};

}  // namespace

const Sensitivity::Whole& Sensitivity::whole(const Scheme& scheme) const {
  for (const Whole& w : schemes)
    if (w.scheme == scheme) return w;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("the scheme '{}' was not measured", format_scheme(scheme)));
}

Sensitivity measure_sensitivity(const Model& fp32, std::span<const TensorView> batches,
                                const SensitivityOptions& options) {
  return Study(fp32, Batches(batches), options).run();
}

Sensitivity measure_sensitivity(const Model& fp32, std::span<const std::vector<arrays::ArrayView>> batches,
                                const SensitivityOptions& options) {
  return Study(fp32, Batches(batches), options).run();
}

}  // namespace lowbit
