#include "lowbit/model/sensitivity.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

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

Shape with_count(const Shape& shape, std::int64_t count) {
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims[0] = count;
  return Shape(dims);
}

/// All samples, and what the fp32 model made of them.
class Samples {
 public:
  Samples(const Model& fp32, std::span<const TensorView> batches, std::span<const std::int64_t> labels)
      : labels_(labels), classes_(fp32.output_shape().elements()) {
    for (const TensorView& batch : batches) cut(batch, fp32.input_shape());
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
  void cut(const TensorView& batch, const Shape& sample) {
    const std::int64_t count = check_batch(batch.shape, sample, "a batch");
    for (std::int64_t first = 0; first < count; first += kSamplesAtOnce)
      chunks_.emplace_back(batch.data + first * batch.strides[0],
                           with_count(batch.shape, std::min(kSamplesAtOnce, count - first)), batch.strides);
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
    for (const TensorView& chunk : chunks_) {
      const std::int64_t n = chunk.shape[0];
      std::vector<MutableTensorView> outputs{{to, Shape{n, classes_}}};
      for (std::size_t o = 1; o < model.output_count(); ++o)
        outputs.emplace_back(others[o - 1].data(), Shape{n, model.output_shape(o).elements()});
      run(model, std::span(&chunk, 1), outputs, workspace);
      to += n * classes_;
    }
    return first;
  }

  std::span<const std::int64_t> labels_;
  std::int64_t classes_, count_ = 0;
  std::vector<TensorView> chunks_;
  std::vector<float> reference_;
};

class Study {
 public:
  Study(const Model& fp32, std::span<const TensorView> batches, const SensitivityOptions& options)
      : fp32_(fp32),
        options_(options),
        layers_(find_layers(fp32)),
        samples_(checked(fp32), batches, options.labels) {
    if (options.schemes.empty()) throw Error(ErrorCode::invalid_argument, "a sensitivity needs a scheme");
    for (const Scheme& scheme : options.schemes) {
      require_built(scheme);
      if (std::find(schemes_.begin(), schemes_.end(), scheme) != schemes_.end()) continue;
      schemes_.push_back(scheme);
      for (const int layer : layers_)
        codes_.insert_or_assign(std::pair(layer, format_scheme(scheme)),
                                quantize_weight_matrix(fp32.graph().nodes[index(layer)].op, scheme));
    }
    executor_ = make_thread_pool(options.threads);
  }

  Sensitivity run() {
    Sensitivity result;
    result.samples = samples_.count();
    result.fp32 = {"fp32", fp32_.stored_bytes(), samples_.score(fp32_)};
    result.schemes.resize(schemes_.size());
    run_tasks(*executor_, schemes_.size(), [&](std::size_t s) {
      const Model model = quantized(std::vector(fp32_.graph().nodes.size(), schemes_[s]));
      result.schemes[s] = {schemes_[s], model.stored_bytes(), samples_.score(model)};
    });
    const int total = static_cast<int>(layers_.size()) + 1;
    int done = 0;
    report(++done, total);
    result.rows.resize(schemes_.size() * layers_.size());
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      run_tasks(*executor_, 2 * schemes_.size(), [&](std::size_t task) {
        LayerSensitivity& row = result.rows[task / 2 * layers_.size() + l];
        measure(layers_[l], schemes_[task / 2], task % 2 == 0, row);
      });
      report(++done, total);
    }
    sort(result.rows);
    return result;
  }

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }

  static const Model& checked(const Model& fp32) {
    if (fp32.input_count() != 1)
      throw Error(ErrorCode::unsupported,
                  fmt::format("the sensitivity of a model with {} inputs is not supported, only 1",
                              fp32.input_count()));
    return fp32;
  }

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

  const QuantizedMatrix& codes_of(int layer, const Scheme& scheme) const {
    return codes_.at({layer, format_scheme(scheme)});
  }

  Model quantized(const std::vector<Scheme>& schemes) const {
    const auto weights = [this](const LayerContext& layer) {
      return LayerWeights{.codes = codes_of(layer.node, layer.scheme)};
    };
    return quantize_nodes(fp32_, options_.table, schemes, "mixed", {.weights = weights});
  }

  /// Two tasks fill a row: `only` fills in the names and bytes as well.
  void measure(int layer, const Scheme& scheme, bool only, LayerSensitivity& row) const {
    std::vector<Scheme> schemes(fp32_.graph().nodes.size(), only ? Scheme{} : scheme);
    schemes[index(layer)] = only ? scheme : Scheme{};
    const Model model = quantized(schemes);
    if (!only) {
      row.all_but = samples_.score(model);
      return;
    }
    const QuantizedMatrix& weights = codes_of(layer, scheme);
    row.node = layer;
    row.layer = fp32_.graph().nodes[index(layer)].name;
    row.scheme = scheme;
    row.weights = weights.rows * weights.cols;
    row.bytes = weights.stored_bytes();
    row.only = samples_.score(model);
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
  std::map<std::pair<int, std::string>, QuantizedMatrix> codes_;  ///< filled first, then shared
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
  return Study(fp32, batches, options).run();
}

}  // namespace lowbit
