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
  std::map<int, LayerWeights> layers{};                   ///< of nodes of the fp32 model
  std::map<std::pair<std::string, int>, Range> ranges{};  ///< of (value, bits); others are the table's
  bool wide_sums = false;

  Model model(const Model& fp32, const CalibrationTable* table, std::span<const Scheme> schemes) const {
    NodePolicies policies{.wide_sums = wide_sums, .given_codes_label = {}};
    policies.weights = [this](const LayerContext& layer) { return layers.at(layer.node); };
    policies.ranges = [this](const std::string& value, int bits) {
      const auto at = ranges.find({value, bits});
      return at == ranges.end() ? std::nullopt : std::optional(at->second);
    };
    return quantize_nodes(fp32, table, schemes, "mixed", policies);
  }
};

SchemeWeights plain_weights(const Model& fp32, const std::vector<int>& layers, const Scheme& scheme) {
  SchemeWeights weights;
  for (const int layer : layers)
    weights.layers[layer].codes =
        quantize_weight_matrix(fp32.graph().nodes[static_cast<std::size_t>(layer)].op, scheme);
  return weights;
}

/// Of a value that is codes: "x:u8" and "x:u4" stand beside "x".
std::string value_name(const std::string& codes) {
  const std::size_t colon = codes.rfind(":u");
  return codes.size() == colon + 3 ? codes.substr(0, colon) : codes;
}

/// Takes codes, biases and ranges out of a recovered model.
SchemeWeights recovered_weights(const Model& fp32, const CalibrationTable* table,
                                const std::vector<int>& layers, const Scheme& scheme,
                                const Model& recovered) {
  SchemeWeights weights = plain_weights(fp32, layers, scheme);
  const Graph& graph = recovered.graph();
  std::map<std::string, int> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) nodes[graph.nodes[i].name] = static_cast<int>(i);
  for (auto& entry : weights.layers) {
    LayerWeights& become = entry.second;
    const auto at = nodes.find(fp32.graph().nodes[static_cast<std::size_t>(entry.first)].name);
    // Products of signs stay as they are; their scales hold that of their inputs.
    if (at == nodes.end() || scheme.activation_bits == 1) continue;
    std::optional<QuantizedMatrix> codes = recovered.weights(at->second);
    if (!codes) continue;
    become.codes = std::move(codes);
    become.label = recovered.quantization(at->second).weights_label;
    std::visit(
        [&](const auto& op) {
          if constexpr (requires { op.bias; }) become.bias = op.bias;
        },
        graph.nodes[static_cast<std::size_t>(at->second)].op);
  }
  for (std::size_t v = 0; v < graph.values.size(); ++v) {
    const ValueType& type = recovered.type(static_cast<ValueId>(v));
    if (type.dtype != DType::u8) continue;
    const auto real = [&](std::int32_t code) {
      return type.qparams.scale * static_cast<float>(code - type.qparams.zero_point);
    };
    weights.ranges[{value_name(graph.values[v].name), type.bits}] = {real(type.codes().qmin),
                                                                     real(type.codes().qmax)};
  }
  // The pass that keeps sums wide adds narrow copies of them.
  const std::vector<Scheme> all(fp32.graph().nodes.size(), scheme);
  weights.wide_sums = weights.model(fp32, table, all).graph().nodes.size() != graph.nodes.size();
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

  Model quantize_with(const QuantizeOptions& options) const {
    return options_.table ? quantize(fp32_, *options_.table, options) : quantize(fp32_, options);
  }

  SchemeWeights make_weights(const Scheme& scheme) const {
    if (!options_.recover) return plain_weights(fp32_, layers_, scheme);
    return recovered_weights(fp32_, options_.table, layers_, scheme,
                             quantize_with({.scheme = scheme, .recover = options_.recover}));
  }

  /// One layer in the scheme, everything else fp32.
  Model model_only(int layer, std::size_t s) const {
    const Graph& graph = fp32_.graph();
    if (options_.recover)
      return quantize_with({.scheme = "fp32",
                            .overrides = {{graph.nodes[index(layer)].name, schemes_[s]}},
                            .recover = options_.recover});
    std::vector<Scheme> schemes(graph.nodes.size());
    schemes[index(layer)] = schemes_[s];
    return weights_[s].model(fp32_, options_.table, schemes);
  }

  Model model_all_but(int layer, std::size_t s) const {
    std::vector<Scheme> schemes(fp32_.graph().nodes.size(), schemes_[s]);
    if (layer >= 0) schemes[index(layer)] = Scheme{};
    return weights_[s].model(fp32_, options_.table, schemes);
  }

  LayerSensitivity row(int layer, std::size_t s) const {
    const QuantizedMatrix& codes = *weights_[s].layers.at(layer).codes;
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
