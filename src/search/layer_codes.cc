// SPDX-License-Identifier: Apache-2.0
#include "search/layer_codes.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/quant/error.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/recover/capture.h"
#include "model/quantize_nodes.h"
#include "recover/recover_layer.h"

namespace lowbit::detail {
namespace {

constexpr std::size_t kMostStats = std::size_t{1} << 30;  ///< bytes of statistics at a time
constexpr std::int64_t kPositions = 64, kLeastSamples = 10;
/// Rounding to the nearest of 256 levels leaves nothing to win.
constexpr int kFineBits = 8;

struct Moments {
  TargetMoments learned, held_out;
};

class LayerCoder {
 public:
  LayerCoder(const Model& fp32, const SampleSet& samples, const LayerCodesOptions& options)
      : fp32_(fp32), options_(options), learned_(fp32), held_out_(fp32) {
    const std::int64_t count = std::min(samples.count, options.samples);
    recovers_ = !options.steps.empty() && count >= kLeastSamples;
    const std::vector<arrays::ArrayView> all = samples.views();
    for (std::int64_t i = 0; i < count; ++i) (i % 5 == 4 ? held_out_ : learned_).append(all, i);
  }

  /// Statistics of these layers, which are looked at together: targets are the layers' own outputs.
  std::vector<Moments> moments(const std::vector<std::string>& names) const {
    CaptureOptions capture{.layers = names,
                           .other = fp32_,
                           .cross_moments = CrossMoments::targets,
                           .positions = kPositions,
                           .sampled_rows = 0,
                           .threads = options_.threads};
    const auto stats = [&](const SampleSet& samples) {
      Capturer capturer(fp32_, capture);
      capturer.add(samples.views());
      return capturer.finish();
    };
    const LayerStats learned = stats(learned_), held_out = stats(held_out_);
    std::vector<Moments> result;
    for (const std::string& name : names)
      result.push_back({TargetMoments(learned.layer(name)), TargetMoments(held_out.layer(name))});
    return result;
  }

  std::optional<LayerCodes> code(const SearchLayer& layer, const Scheme& scheme, const Moments* moments,
                                 double descent_products) const {
    if (scheme.is_fp32()) return LayerCodes{{}, HUGE_VAL};
    const Graph::Node& node = fp32_.graph().nodes[static_cast<std::size_t>(layer.node)];
    try {
      RecoveredLayer plain{quantize_weight_matrix(node.op, scheme), {}};
      if (scheme.activation_bits == 1) return LayerCodes{{}, 0};  // scales follow those of the signs
      if (!moments) {
        const double sqnr = weight_sqnr(node.op, plain.codes);
        return LayerCodes{{.codes = std::move(plain.codes)}, sqnr};
      }
      return recovered(node.op, scheme, *moments, plain, descent_products);
    } catch (const Error&) {
      return std::nullopt;  // this layer cannot have the scheme
    }
  }

  bool recovers() const { return recovers_; }
  bool stopped() const { return options_.stops && options_.stops(); }

 private:
  static double weight_sqnr(const ops::Op& op, const QuantizedMatrix& codes) {
    const Tensor weights = weight_matrix(op);
    std::vector<float> values(weights.data.size());
    const std::int64_t rows = weights.shape[0], columns = weights.shape[1];
    dequantize(codes, MutableMatrixView(values.data(), rows, columns));
    return measure_error(MatrixView(weights.data.data(), rows, columns),
                         MatrixView(values.data(), rows, columns))
        .sqnr_db;
  }

  LayerCodes recovered(const ops::Op& op, const Scheme& scheme, const Moments& moments,
                       const RecoveredLayer& plain, double descent_products) const {
    const Tensor weights = weight_matrix(op);
    std::vector<float> bias;
    std::visit(
        [&](const auto& layer) {
          if constexpr (requires { layer.bias; }) bias = layer.bias;
        },
        op);
    bias.resize(static_cast<std::size_t>(weights.shape[0]), 0.0f);
    RecoverOptions how{
        .steps = options_.steps, .descent_products = descent_products, .threads = options_.threads};
    if (scheme.bits >= kFineBits)
      std::erase_if(how.steps, [](RecoveryStep step) { return step != RecoveryStep::bias; });
    RecoveryReport::Layer report;
    RecoveredLayer best = recover_layer({{weights.data.data(), weights.shape[0], weights.shape[1]},
                                         make_quantizer(scheme),
                                         {},
                                         plain,
                                         std::move(bias)},
                                        moments.learned, moments.held_out, how, report);
    return {{.codes = std::move(best.codes), .bias = std::move(best.bias)}, report.sqnr_after};
  }

  const Model& fp32_;
  const LayerCodesOptions& options_;
  SampleSet learned_, held_out_;
  bool recovers_ = false;
};

/// Layers whose statistics fit into memory together, [first, last).
std::size_t last_of_part(const Model& fp32, const std::vector<SearchLayer>& layers, std::size_t first) {
  std::size_t last = first, bytes = 0;
  while (last < layers.size()) {
    const Graph::Node& node = fp32.graph().nodes[static_cast<std::size_t>(layers[last].node)];
    const Tensor weights = weight_matrix(node.op);
    const auto rows = static_cast<std::size_t>(weights.shape[0]),
               columns = static_cast<std::size_t>(weights.shape[1]);
    bytes += 48 * columns * (columns + rows);  // two sets, and their matrices
    if (last > first && bytes > kMostStats) break;
    ++last;
  }
  return last;
}

}  // namespace

std::vector<std::vector<LayerCodes>> make_layer_codes(const Model& fp32, std::vector<SearchLayer>& layers,
                                                      const SampleSet& samples,
                                                      const LayerCodesOptions& options) {
  const LayerCoder coder(fp32, samples, options);
  std::vector<std::vector<LayerCodes>> codes(layers.size());
  const double products = descent_products_of({}, layers.size());
  for (std::size_t first = 0; first < layers.size();) {
    const std::size_t last = last_of_part(fp32, layers, first);
    std::vector<Moments> moments;
    if (coder.recovers() && !coder.stopped()) {
      std::vector<std::string> names;
      for (std::size_t l = first; l < last; ++l) names.push_back(layers[l].name);
      moments = coder.moments(names);
    }
    for (std::size_t l = first; l < last; ++l) {
      const Moments* own = moments.empty() || coder.stopped() ? nullptr : &moments[l - first];
      std::vector<Scheme> possible;
      for (const Scheme& scheme : layers[l].schemes) {
        std::optional<LayerCodes> made = coder.code(layers[l], scheme, own, products);
        if (!made) continue;
        possible.push_back(scheme);
        codes[l].push_back(std::move(*made));
      }
      if (possible.empty()) {
        possible.emplace_back();
        codes[l].push_back({{}, HUGE_VAL});
      }
      layers[l].schemes = std::move(possible);
      if (options.progress) options.progress(static_cast<int>(l) + 1, static_cast<int>(layers.size()));
    }
    first = last;
  }
  return codes;
}

}  // namespace lowbit::detail
